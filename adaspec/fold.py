"""Draw scalar factors out of elementwise expressions, so that fewer passes over memory remain.

`lr * (m / c1) / (sqrt(v / c2) + eps)` becomes `lr / c1 * sqrt(c2)` times `m / (sqrt(v) + eps * sqrt(c2))`: two scalars once
per step instead of two divisions per element. Equal over the reals, and within a rounding of each other in floating point.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import ir
from .domains import Intervals, interval
from .ir import Binary, Call, Expr, Number, Unary, rebuild

ONE = Number(1)


@dataclass(frozen=True)
class Scaled:
    """`top / bottom * core`; a scalar alone has no core."""

    top: Expr
    bottom: Expr
    core: Expr | None

    def joined(self) -> Expr:
        """The product as one expression, the scalar in front."""
        scalar = self.scalar
        if self.core is None:
            return scalar
        if scalar == ONE:
            return self.core
        if scalar == Unary("-", ONE):
            return Unary("-", self.core)
        return Binary("*", scalar, self.core)

    @property
    def scalar(self) -> Expr:
        return _over(self.top, self.bottom)


class Folder:
    """Folding under given facts: which expressions are scalars, and where scalars lie."""

    def __init__(self, is_scalar: Callable[[Expr], bool], intervals: Intervals) -> None:
        self.is_scalar = is_scalar
        self.intervals = intervals

    def fold(self, node: Expr) -> Expr:
        return self.split(node).joined()

    def split(self, node: Expr) -> Scaled:
        if self.is_scalar(node):
            return Scaled(node, ONE, None)
        match node:
            case Unary("-", operand):
                s = self.split(operand)
                return Scaled(_negated(s.top), s.bottom, s.core)
            case Binary("*", left, right):
                a, b = self.split(left), self.split(right)
                core = a.core if b.core is None else b.core if a.core is None else Binary("*", a.core, b.core)
                return Scaled(_times(a.top, b.top), _times(a.bottom, b.bottom), core)
            case Binary("/", left, right):
                a, b = self.split(left), self.split(right)
                core = a.core if b.core is None else Binary("/", ONE if a.core is None else a.core, b.core)
                return Scaled(_times(a.top, b.bottom), _times(a.bottom, b.top), core)
            case Binary("+" | "-" as op, left, right) if self.is_scalar(right):
                s = self.split(left)
                if self.positive(s):
                    moved = _over(_times(right, s.bottom), s.top)
                    return Scaled(s.top, s.bottom, Binary(op, s.core or ONE, moved))
                return Scaled(ONE, ONE, Binary(op, s.joined(), right))
            case Binary("**", base, Number(2)):
                s = self.split(base)
                squared = [ONE if e == ONE else Binary("**", e, Number(2)) for e in (s.top, s.bottom)]
                return Scaled(squared[0], squared[1], Binary("**", s.core or ONE, Number(2)))
            case Call("sqrt", (operand,)):
                s = self.split(operand)
                if self.positive(s):
                    roots = [ONE if e == ONE else Call("sqrt", (e,)) for e in (s.top, s.bottom)]
                    return Scaled(roots[0], roots[1], Call("sqrt", (s.core or ONE,)))
                return Scaled(ONE, ONE, Call("sqrt", (s.joined(),)))
        if isinstance(node, Call) and node.options:
            return Scaled(ONE, ONE, Call(node.function, tuple(self.fold(a) for a in node.args), node.options))
        return Scaled(ONE, ONE, rebuild(node, self.fold))

    def positive(self, s: Scaled) -> bool:
        """Whether the scalar part is a positive number for every hyperparameter in its domain."""
        return all(e == ONE or interval(e, self.intervals).positive for e in (s.top, s.bottom))


def _times(a: Expr, b: Expr) -> Expr:
    if a == ONE:
        return b
    return a if b == ONE else Binary("*", a, b)


def _over(a: Expr, b: Expr) -> Expr:
    return a if b == ONE else Binary("/", a, b)


def _negated(a: Expr) -> Expr:
    return a.operand if isinstance(a, Unary) and a.op == "-" else Unary("-", a)


def terms(node: Expr) -> list[tuple[int, Expr]]:
    """The summands of a sum with their signs, left to right."""
    match node:
        case Binary("+", left, right):
            return terms(left) + terms(right)
        case Binary("-", left, right):
            return terms(left) + [(-sign, term) for sign, term in terms(right)]
        case Unary("-", operand):
            return [(-sign, term) for sign, term in terms(operand)]
    return [(1, node)]


__all__ = ["ONE", "Folder", "Scaled", "ir", "terms"]
