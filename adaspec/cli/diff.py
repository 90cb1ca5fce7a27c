"""`adaspec diff A B`: where two specs part, in their hyperparameters and in their equations, side by side."""

from __future__ import annotations

import difflib
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .. import ir
from ..decide import decided, fixed
from ..spec import Spec
from ..text import body, hyper, init
from .finding import find
from .terminal import console, print_json, put, safe, table


def run(left: str, right: str, as_json: bool) -> int:
    """0 whether they differ or not: to look is not to check."""
    specs = find(left)[0], find(right)[0]
    differing = hypers(*specs)
    sides = equations(specs[0]), equations(specs[1])
    if as_json:
        print_json({
            "hypers": {name: dict(zip((left, right), values, strict=True)) for name, values in differing.items()},
            "equations": {left: sides[0], right: sides[1]},
            "same": not differing and sides[0] == sides[1],
        })  # fmt: skip
        return 0
    out = console()
    if not differing and sides[0] == sides[1]:
        out.print(f"{safe(left)} and {safe(right)}: the same equations, the same hyperparameters")
        return 0
    _hypers(out, left, right, differing)
    if sides[0] == sides[1]:
        out.print("\nthe same equations", style="note")
    else:
        out.print()
        put(out, _equations(left, right, *sides))
    return 0


def hypers(left: Spec, right: Spec) -> dict[str, tuple[Any, Any]]:
    """Each hyperparameter of which the two say different things, as `default` or as None where it is absent."""
    found = {}
    for name in dict.fromkeys([*left.hypers, *right.hypers]):
        said = tuple(hyper(s.hypers[name]).partition(": ")[2] if name in s.hypers else None for s in (left, right))
        if said[0] != said[1]:
            found[name] = said
    return found


def equations(spec: Spec) -> list[str]:
    """The state and the statements of a rule as lines, schedules and helpers first; no layout, no comment.

    What flags and absent values decide is decided, so that two dialects of one rule show where they part.
    """
    statements = decided(spec.rule.body, fixed(spec.rule, spec.defaults))
    used = ir.names(statements[:-1]) | set(ir.assigned(statements))
    lines = [f"{s.name} begins as {init(s.init)}" for s in spec.slots.values() if s.name in used]
    lines += [f"{s.name} begins as {s.initial!r}, one for the model" for s in spec.shared.values()]
    for function in spec.rule.functions:
        lines.append(f"{function.name}({', '.join(a.name for a in function.arguments)}):")
        lines += body(function.body)
    return lines + body(statements, "")


def _hypers(out: Console, left: str, right: str, differing: dict[str, tuple[Any, Any]]) -> None:
    if not differing:
        out.print("the same hyperparameters", style="note")
        return
    rows = table("hyperparameter", safe(left), safe(right))
    for name, values in differing.items():
        rows.add_row(Text(name, "name"), *(Text("-", "note") if v is None else Text(v) for v in values))
    put(out, rows)


def _equations(left: str, right: str, *sides: list[str]) -> Table:
    """What is equal once in both columns, quietly; what differs side by side."""
    rows = table(safe(left), safe(right))
    for what, a, b, c, d in difflib.SequenceMatcher(None, *sides, autojunk=False).get_opcodes():
        pairs = max(b - a, d - c)
        style = "note" if what == "equal" else ""
        for i in range(pairs):
            cells = [side[k + i] if k + i < end else "" for side, k, end in ((sides[0], a, b), (sides[1], c, d))]
            rows.add_row(*(Text(cell, style) for cell in cells))
    return rows
