"""What is legal and likely to disappoint: each finding is a warning, and none of them stops a spec."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import domains, ir, noise
from .errors import SpecError
from .ir import Assign, Binary, Expr, Name, Unary
from .scalars import evaluate

Warn = Callable[[str, ir.Node, str], None]


def doubts(rule: ir.Rule, body: tuple[ir.Stmt, ...], warn: Warn) -> None:
    used = ir.names(body[:-1]) | set(ir.assigned(body))
    used |= {noise.SEED} if any(isinstance(n, ir.Draw) for n in ir.walk(body)) else set()
    for slot in rule.slots:
        if slot.name not in used:
            warn(f"the slot '{slot.name}' is never read nor bound", slot, "remove it: it costs memory")
    for shared in rule.shared:
        if shared.name not in used:
            warn(f"the Shared '{shared.name}' is never read nor bound", shared, "remove it")
    for given in rule.inputs:
        if given.name not in used:
            warn(f"the input '{given.name}' is never read", given, "remove it, or use it")
    viewed = {a.name for f in rule.functions if f.role == "view" for a in f.arguments}
    for hyper in rule.hypers:
        if hyper.name not in used | viewed | set(rule.read_at_init):
            warn(f"the hyperparameter '{hyper.name}' is never read", hyper, "remove it, or use it")
    called = {n.function for f in (rule, *rule.functions) for n in ir.walk(f.body) if isinstance(n, ir.Call)}
    for function in rule.functions:
        if function.role != "view" and function.name not in called:
            warn(f"the {function.role} '{function.name}' is never called", function, "remove it, or call it")
    if not has_reference(rule.doc):
        warn("no reference in the docstring", rule, '"""Name: title. Authors, year. arXiv:…"""')
    overflow_warning(rule, body, warn)


def has_reference(doc: str) -> bool:
    """Whether the docstring goes on behind its title, or names a year, an arXiv number or an address."""
    told = re.search(r"\b(1[89]|20)\d\d\b|arxiv|doi|https?://", doc, re.IGNORECASE)
    return told is not None or ". " in doc.partition("\n")[0]


FLOAT32_MAX = float(np.finfo(np.float32).max)
MAX_STEPS = 2_000_000


def overflow_warning(rule: ir.Rule, body: tuple[ir.Stmt, ...], warn: Warn) -> None:
    """Warn of a slot whose own coefficient is above 1: with |g| = 1 it passes float32 at a step that can be told."""
    budget = MAX_STEPS
    for slot, stmt, factor, rest in _growing(rule, body):
        values = _values(rule, body)
        try:
            # The coefficient as float32 arithmetic sees it, and the increment that |g| = 1 brings.
            with np.errstate(over="ignore"):
                a = float(np.float32(float(evaluate(factor, values) or 0)))
            step = sum(float(evaluate(term, values) or 0) for term in rest)
        except (SpecError, TypeError):  # a reduction, or None in it: it grows all the same
            a = step = math.nan
        when = _overflow(a, step, budget)
        budget -= int(when) if when <= budget else 0
        told = f": it passes float32 at t = {_shown(when)} for |g| = 1" if math.isfinite(when) else ""
        warn(
            f"the slot '{slot.name}' grows without bound{told}",
            stmt,
            "keep the normalised value as an EMA: v = b*v + (1 - b)*g**2 with b a function of t",
        )


def _growing(rule: ir.Rule, body: tuple[ir.Stmt, ...]) -> Iterator[tuple[ir.Slot, Assign, Expr, list[Expr]]]:
    """Each `v = a*v + rest` of a slot v with a >= 1 everywhere, and more than that where the defaults are."""
    env, values = domains.signature(rule), _values(rule, body)
    slots = {s.name: s for s in rule.slots}
    for stmt in body:
        if isinstance(stmt, Assign) and stmt.name in slots:
            own, rest = [], []
            for term in terms(stmt.value):
                (own if stmt.name in ir.names(term) else rest).append(term)
            if len(own) == 1 and isinstance(own[0], Binary) and own[0].op == "*":
                sides = own[0].left, own[0].right
                factor = sides[0] if sides[1] == Name(stmt.name) else sides[1]
                found = domains.interval(factor, env)
                grows = not found.nan and (found.low > 1 or (found.low == 1 and _above_one(factor, values)))
                if Name(stmt.name) in sides and grows:
                    yield slots[stmt.name], stmt, factor, rest
        domains.flow((stmt,), env)


def _values(rule: ir.Rule, body: tuple[ir.Stmt, ...]) -> dict[str, Any]:
    """Every name at 1, such as |g| and t, but the hyperparameters at their defaults."""
    return dict.fromkeys(ir.names(body), 1.0) | {h.name: h.default for h in rule.hypers}


def _above_one(factor: Expr, values: dict[str, Any]) -> bool:
    try:
        return (evaluate(factor, values) or 0.0) > 1
    except (SpecError, TypeError):
        return False


def _overflow(a: float, step: float, budget: int) -> float:
    """The first t at which v = a*v + step, rounded to float32 at every operation, is inf; by formula if that is far."""
    if not (a > 1 and step > 0 and math.isfinite(a)):
        return math.inf
    when = math.log1p(FLOAT32_MAX * (a - 1) / step) / math.log(a)
    if not when < budget:
        return when
    with np.errstate(over="ignore"):
        factor, added, v, t = np.float32(a), np.float32(step), np.float32(0), 0
        while v < 2.0**25 * added:
            v, t = factor * v + added, t + 1
        # From here on the increment is under half an ulp: the rest are products, which NumPy accumulates by itself.
        rest = np.full(budget, factor, dtype=np.float32)
        rest[0] = v
        grown = np.multiply.accumulate(rest)
    return float(t + int(np.argmax(~np.isfinite(grown))))


def _shown(when: float) -> str:
    return f"{int(when):,}" if when == int(when) and when < MAX_STEPS else f"about {when:.1e}"


def terms(node: Expr) -> list[Expr]:
    """The summands of a sum (differences count as negated terms)."""
    match node:
        case Binary("+", left, right):
            return terms(left) + terms(right)
        case Binary("-", left, right):
            return terms(left) + [Unary("-", t) for t in terms(right)]
    return [node]
