"""Recognise moving averages: `b*v + (1 - b)*u` is `v + (1 - b)*(u - v)`, whose weight is rounded once.

With the decay itself rounded to float32, 1.3e-8 of it is lost at every step: 54 ulp over a memory of 1000 steps
(reference: numerics). The lowered form is a call `lerp(v, u, weight)`.
"""

from __future__ import annotations

from collections.abc import Callable

from . import ir
from .ir import Binary, Call, Expr, Number, rebuild

IsScalar = Callable[[Expr], bool]


def averages(node: Expr, is_scalar: IsScalar) -> Expr:
    """`node` with every weighted mean of two arrays whose weights are `b` and `1 - b` as a `lerp`."""
    node = rebuild(node, lambda child: averages(child, is_scalar))
    if not isinstance(node, Binary) or node.op != "+" or is_scalar(node):
        return node
    kept, added = factors(node.left), factors(node.right)
    for i, share in enumerate(kept):
        for j, weight in enumerate(added):
            if not (is_scalar(share) and is_scalar(weight) and complementary(share, weight)):
                continue
            old, new = product(kept[:i] + kept[i + 1 :]), product(added[:j] + added[j + 1 :])
            if old is None or new is None or is_scalar(old):
                continue
            return Call("lerp", (old, new, weight), span=node.span)
    return node


def complementary(a: Expr, b: Expr) -> bool:
    """Whether the text says that a + b = 1: one is `1 - other`."""
    return b == _rest(a) or a == _rest(b)


def _rest(a: Expr) -> Expr:
    return Binary("-", Number(1), a)


def factors(node: Expr) -> list[Expr]:
    """The factors of a product, left to right; a divisor stays with the factor before it."""
    if isinstance(node, Binary) and node.op == "*":
        return [*factors(node.left), node.right]
    if isinstance(node, Binary) and node.op == "/":
        *rest, last = factors(node.left)
        return [*rest, Binary("/", last, node.right, span=node.span)]
    return [node]


def product(parts: list[Expr]) -> Expr | None:
    """The product of the parts, in order; None of none."""
    whole: Expr | None = None
    for part in parts:
        whole = part if whole is None else Binary("*", whole, part, span=whole.span)
    return whole


def decrement(value: Expr, param: str) -> Expr | None:
    """`d` such that `value` is `param - d`, read off the text; None where the parameter does not enter so.

    The update is then known by itself, not as a difference of two parameters that would round it.
    """
    found = _decrement(value, param)
    return None if found is _ZERO else found


_ZERO = Number(0)


def _decrement(value: Expr, param: str) -> Expr | None:
    match value:
        case ir.Name(id=name) if name == param:
            return _ZERO
        case Binary("-", left, right) if param not in ir.names(right) or _decrement(left, param) is not None:
            left = _decrement(left, param)
            if left is not None:
                return right if left is _ZERO else Binary("+", left, right, span=value.span)
        case Binary("+", left, right):
            for side, other in ((left, right), (right, left)):
                found = _decrement(side, param)
                if found is not None:
                    return ir.Unary("-", other) if found is _ZERO else Binary("-", found, other, span=value.span)
        case Binary("*", Binary("-", Number(1), share), ir.Name(id=name)) if name == param:
            return Binary("*", share, value.right, span=value.span)
        case Binary("*", ir.Name(id=name), Binary("-", Number(1), share)) if name == param:
            return Binary("*", share, value.left, span=value.span)
        case Call("lerp", (ir.Name(id=name) as old, new, weight)) if name == param:
            return Binary("*", weight, Binary("-", old, new), span=value.span)
    return None
