"""Static facts that the text alone decides, once an argument of a helper is a literal: one branch is all there is."""

from __future__ import annotations

from dataclasses import replace

from .ir import Compare, Constant, Expr, Logical, Number, Unary
from .scalars import COMPARE


def folded(test: Expr) -> Expr:
    """`test` as a `Constant` where it is one, else without the parts that decide nothing."""
    match test:
        case Compare(op, Number(a), Number(b)) if op in COMPARE:
            return Constant(bool(COMPARE[op](a, b)), span=test.span)
        case Unary("not", operand):
            inner = folded(operand)
            if isinstance(inner, Constant):
                return Constant(not inner.value, span=test.span)
            return test if inner is operand else replace(test, operand=inner)
        case Logical(op, values):
            deciding = op == "or"
            kept = tuple(v for v in map(folded, values) if not (isinstance(v, Constant) and bool(v.value) != deciding))
            decided = next((k for k, v in enumerate(kept) if isinstance(v, Constant)), None)
            if decided == 0:
                return Constant(deciding, span=test.span)
            kept = kept[: decided + 1] if decided is not None else kept
            if not kept:
                return Constant(not deciding, span=test.span)
            return kept[0] if len(kept) == 1 else replace(test, values=kept)
    return test


def none_fact(test: Compare, never: bool) -> Expr:
    """`value is None` where the value is a literal, or `never` None."""
    if isinstance(test.left, Constant) and test.left.value is None:
        return Constant(test.op == "is", span=test.span)
    return Constant(test.op != "is", span=test.span) if never else test
