"""Compositions as people write them: `lookahead(cautious(adam))`, or `lookahead + cautious + adam`, outermost first."""

from __future__ import annotations

import re

from . import ir
from .errors import SpecError
from .naming import spelled

MAX_CHAIN = 6
EXAMPLE = "lookahead(radam), clip + lamb"


def is_chain(text: str) -> bool:
    """Whether `text` composes rules, rather than naming one."""
    return text.rstrip().endswith(")") or " + " in text


def chain(text: str, at: ir.Node | ir.Span = ir.NOWHERE) -> tuple[str, ...]:
    """The names of a composition, the wrappers outside in, the rule that they wrap last."""
    found: list[str] = []
    opened = 0
    expecting = True
    for token in re.findall(r"\(|\)|\+(?= )|[^()+\s][^()\s]*|\S", text):
        fits = not expecting if token in ("(", ")", "+") else expecting
        opened += {"(": 1, ")": -1}.get(token, 0)
        if not fits or opened < 0:
            raise SpecError(f"no composition of rules: {text[:60]!r}, at {token[:20]!r}", at, f"for example {EXAMPLE}")
        if token not in ("(", ")", "+"):
            found.append(token)
        expecting = token in ("(", "+")
    if opened or expecting:
        what = "a bracket is not closed" if opened else "a name is missing"
        raise SpecError(f"no composition of rules: {text[:60]!r}, {what}", at, f"for example {EXAMPLE}")
    if len(found) > MAX_CHAIN:
        raise SpecError(
            f"a composition of more than {MAX_CHAIN} rules: {text[:60]!r}", at, "say it in a spec of its own"
        )
    return tuple(found)


def title(outer: ir.Rule, inner: ir.Rule) -> str:
    """The docstring of a wrapper around a rule: one title that says both, then the docstring of the wrapped rule."""
    first = outer.doc.strip().split("\n")[0]
    own, _, source = first.partition(". ")
    within = inner.doc.strip().split("\n")[0].partition(". ")[0]
    word, colon, rest = own.partition(": ")
    other = within.partition(": ")[0].rstrip(".")
    name = f"{spelled(word, outer.name)}{spelled(other, inner.name)}"
    about = (rest if colon else own).rstrip(".")
    return f"{name}: {about}, around {other or inner.name}. {source}\n\n{inner.doc.strip()}".rstrip()
