"""Scalar factors of array expressions, moved outward to where one operation takes them along.

`lr * (m / c1) / (sqrt(v / c2) + eps)` is `(lr * sqrt(c2) / c1) * (m / (sqrt(v) + eps * sqrt(c2)))`: the scalars are
folded once per step on the host, in float64, and three passes over the array are saved. A factor moves out of a root
only if it is positive, and out of a sum only if it is not zero, as far as its interval tells.
"""

from __future__ import annotations

from collections.abc import Callable

from . import ir
from .domains import Intervals, interval
from .frozen import frozen
from .ir import Binary, Call, Expr, Number, Unary

IsScalar = Callable[[Expr], bool]


@frozen
class Scaled:
    """`sign * over / under * core`: products of scalar expressions around an array expression."""

    core: Expr
    over: tuple[Expr, ...] = ()
    under: tuple[Expr, ...] = ()
    sign: int = 1

    @property
    def plain(self) -> bool:
        return not self.over and not self.under and self.sign == 1

    def factor(self) -> Expr:
        """The scalar in front of the core."""
        return ratio(self.over, self.under, self.sign)

    def expr(self) -> Expr:
        """The whole as one expression; the core alone where nothing stands in front of it."""
        if self.plain:
            return self.core
        if not self.over and not self.under:
            return Unary("-", self.core)
        return Binary("*", self.core, self.factor())


def ratio(over: tuple[Expr, ...], under: tuple[Expr, ...], sign: int = 1) -> Expr:
    """`sign * over / under` with common factors cancelled."""
    rest = list(under)
    top = []
    for factor in over:
        if factor in rest:
            rest.remove(factor)
        else:
            top.append(factor)
    value: Expr = product(top) if top else Number(1)
    if sign < 0:
        value = _negated(value)
    return Binary("/", value, product(rest)) if rest else value


def product(factors: list[Expr]) -> Expr:
    value = factors[0]
    for factor in factors[1:]:
        value = Binary("*", value, factor)
    return value


def _negated(value: Expr) -> Expr:
    match value:
        case Number(n):
            return Number(-n)
        case Binary("*", left, right):
            return Binary("*", _negated(left), right)
    return Unary("-", value)


class Scaler:
    """Finds the scalar factor of an array expression. `is_scalar` tells a host number from anything an array enters.

    New nodes are `Call("axpy", (a, b, k))` for `a + k*b` and `Call("square", (a,))`.
    """

    def __init__(self, is_scalar: IsScalar, is_elementwise: Callable[[Expr], bool], env: Intervals) -> None:
        self.is_scalar = is_scalar
        self.is_elementwise = is_elementwise
        self.env = env

    def tidy(self, node: Expr) -> Expr:
        """`node` with its factors gathered in front."""
        return node if self.is_scalar(node) else self.scaled(node).expr()

    def scaled(self, node: Expr) -> Scaled:
        if not self.is_elementwise(node):
            return Scaled(node)
        match node:
            case Unary("-", operand):
                inner = self.scaled(operand)
                return Scaled(inner.core, inner.over, inner.under, -inner.sign)
            case Binary("*", left, right):
                return self.times(left, right)
            case Binary("/", left, right):
                return self.divided(left, right)
            case Binary("+" | "-" as op, left, right):
                return self.sum(left, right, 1 if op == "+" else -1)
            case Binary("**", base, Number(2)):
                return Scaled(Call("square", (self.tidy(base),)))
            case Call("sqrt", (operand,)):
                return self.root(operand)
            case Call(args=args):
                return Scaled(Call(node.function, tuple(self.tidy(a) for a in args), node.options))
        return Scaled(ir.rebuild(node, self.tidy))

    def times(self, left: Expr, right: Expr) -> Scaled:
        if self.is_scalar(left) or self.is_scalar(right):
            number, array = (left, right) if self.is_scalar(left) else (right, left)
            inner = self.scaled(array)
            over, under, sign = split(number)
            return Scaled(inner.core, over + inner.over, under + inner.under, sign * inner.sign)
        a, b = self.scaled(left), self.scaled(right)
        return Scaled(Binary("*", a.core, b.core), a.over + b.over, a.under + b.under, a.sign * b.sign)

    def divided(self, left: Expr, right: Expr) -> Scaled:
        if self.is_scalar(right):
            inner = self.scaled(left)
            over, under, sign = split(right)
            return Scaled(inner.core, inner.over + under, inner.under + over, sign * inner.sign)
        b = self.scaled(right)
        if self.is_scalar(left):
            over, under, sign = split(left)
            return Scaled(Binary("/", Number(1), b.core), over + b.under, under + b.over, sign * b.sign)
        a = self.scaled(left)
        return Scaled(Binary("/", a.core, b.core), a.over + b.under, a.under + b.over, a.sign * b.sign)

    def root(self, operand: Expr) -> Scaled:
        inner = self.scaled(operand)
        if inner.sign < 0 or not all(interval(f, self.env).positive for f in (*inner.over, *inner.under)):
            return Scaled(Call("sqrt", (inner.expr(),)))
        over, under = (tuple(Call("sqrt", (f,)) for f in side) for side in (inner.over, inner.under))
        return Scaled(Call("sqrt", (inner.core,)), over, under)

    def sum(self, left: Expr, right: Expr, sign: int) -> Scaled:
        if self.is_scalar(left) or self.is_scalar(right):
            return self.shifted(left, right, sign)
        a, b = self.scaled(left), self.scaled(right)
        b = Scaled(b.core, b.over, b.under, b.sign * sign)
        over, under = common(a.over, b.over), common(a.under, b.under)
        a = Scaled(a.core, minus(a.over, over), minus(a.under, under), a.sign)
        b = Scaled(b.core, minus(b.over, over), minus(b.under, under), b.sign)
        outer = 1
        if a.sign < 0:
            if b.sign > 0:
                a, b = b, a
            else:
                outer = -1
                a, b = (Scaled(s.core, s.over, s.under) for s in (a, b))
        bare = [not s.over and not s.under for s in (a, b)]
        if bare[0] and bare[1]:
            return Scaled(Binary("+" if b.sign > 0 else "-", a.core, b.core), over, under, outer)
        if not bare[0] and bare[1] and b.sign > 0:
            a, b = b, a
        elif not bare[0] and not self.nonzero(a):
            if self.nonzero(b):
                a, b = b, a
            else:
                a = Scaled(a.expr())
        if a.over or a.under or a.sign < 0:
            alpha = ratio(b.over + a.under, b.under + a.over, a.sign * b.sign)
            return Scaled(axpy(a.core, b.core, alpha), over + a.over, under + a.under, outer * a.sign)
        return Scaled(axpy(a.core, b.core, b.factor()), over, under, outer)

    def shifted(self, left: Expr, right: Expr, sign: int) -> Scaled:
        """An array plus or minus a number."""
        if self.is_scalar(right):
            a, number, ours = self.scaled(left), right, sign
        else:
            a, number, ours = self.scaled(right), left, 1
            a = Scaled(a.core, a.over, a.under, a.sign * sign)
        over, under, minus_sign = split(number)
        if a.over or a.under:
            if not self.nonzero(a):
                a = Scaled(a.expr())
                return Scaled(_shift(a.core, ratio(over, under, minus_sign * ours)))
            shift = ratio(over + a.under, under + a.over, minus_sign * ours * a.sign)
            return Scaled(_shift(a.core, shift), a.over, a.under, a.sign)
        if a.sign < 0:
            return Scaled(Binary("-", ratio(over, under, minus_sign * ours), a.core))
        return Scaled(_shift(a.core, ratio(over, under, minus_sign * ours)))

    def nonzero(self, value: Scaled) -> bool:
        return all(interval(f, self.env).nonzero for f in (*value.over, *value.under))


def axpy(a: Expr, b: Expr, k: Expr) -> Expr:
    if k in (Number(1), Number(-1)):
        return Binary("+" if k == Number(1) else "-", a, b)
    return Call("axpy", (a, b, k))


def _shift(array: Expr, number: Expr) -> Expr:
    match number:
        case Unary("-", inner):
            return Binary("-", array, inner)
        case Number(n) if n < 0:
            return Binary("-", array, Number(-n))
    return Binary("+", array, number)


def split(number: Expr) -> tuple[tuple[Expr, ...], tuple[Expr, ...], int]:
    """A scalar as factors over factors, with its sign."""
    match number:
        case Number(1):
            return (), (), 1
        case Number(n) if n < 0:
            over, under, sign = split(Number(-n))
            return over, under, -sign
        case Unary("-", operand):
            over, under, sign = split(operand)
            return over, under, -sign
        case Binary("*", left, right):
            a, b = split(left), split(right)
            return a[0] + b[0], a[1] + b[1], a[2] * b[2]
        case Binary("/", left, right):
            a, b = split(left), split(right)
            return a[0] + b[1], a[1] + b[0], a[2] * b[2]
    return (number,), (), 1


def common(a: tuple[Expr, ...], b: tuple[Expr, ...]) -> tuple[Expr, ...]:
    rest, out = list(b), []
    for factor in a:
        if factor in rest:
            rest.remove(factor)
            out.append(factor)
    return tuple(out)


def minus(a: tuple[Expr, ...], b: tuple[Expr, ...]) -> tuple[Expr, ...]:
    rest = list(a)
    for factor in b:
        rest.remove(factor)
    return tuple(rest)
