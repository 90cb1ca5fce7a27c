"""Refuse what can never be a real number: a division by 0, the root of a negative, the logarithm of 0, 9**9**9."""

from __future__ import annotations

import math

from . import ir
from .domains import Interval, Intervals, flow, interval, point
from .errors import SpecError
from .ir import Assign, Binary, Call, Choose, Expr, For, If, Name, Stmt, Unary
from .scalars import ELEMENTWISE, evaluate


def check_reals(body: tuple[Stmt, ...], env: Intervals) -> None:
    """Follow the statements with the intervals of their scalars; a SpecError at the first impossible operation."""
    for stmt in body:
        match stmt:
            case If(test, then, otherwise):
                _check(test, env)
                check_reals(then, dict(env))
                check_reals(otherwise, dict(env))
            case For(count, inner):
                _check(count, env)
                forgotten = set(ir.assigned(inner))
                check_reals(inner, {n: i for n, i in env.items() if n not in forgotten})
            case Assign(value=value):
                _check(value, env)
        flow((stmt,), env)


def _check(node: Expr, env: Intervals) -> None:
    """Every subexpression, the inner ones first: the first cause is told."""
    for child in ir.children(node):
        if isinstance(child, Expr):
            _check(child, env)
    match node:
        case Binary("/", right=right) if _only(interval(right, env), 0.0):
            raise SpecError("a division by 0", right, "what is divided by is 0 whatever the hyperparameters are")
        case Call("sqrt" | "rsqrt" as name, args=(a,)) if interval(a, env).negative:
            raise SpecError(f"`{name}` of a number that is always negative", a, "its root is no real number")
        case Call("rsqrt", args=(a,)) if _only(interval(a, env), 0.0):
            raise SpecError("`rsqrt` of 0", a, "add a small number first, as eps does")
        case Call("log", args=(a,)) if interval(a, env).high <= 0 and not interval(a, env).nan:
            raise SpecError("`log` of a number that is never positive", a, "its logarithm is no real number")
        case Call("log1p", args=(a,)) if interval(a, env).high <= -1 and not interval(a, env).nan:
            raise SpecError("`log1p` of a number that is never above -1", a, "its logarithm is no real number")
        case Binary() | Call() | Unary("-") if _is_constant(node):
            value = evaluate(node, {})
            if isinstance(value, float) and not math.isfinite(value):
                raise SpecError(f"this constant is {value} in float64", node, "the largest float64 is 1.8e308")


def _only(where: Interval, value: float) -> bool:
    return where == point(value)


def _is_constant(node: Expr) -> bool:
    """Whether numbers, arithmetic and elementwise functions alone stand in it, so that it has one value."""
    return not any(
        isinstance(n, Name | Choose | ir.Draw | ir.Ndim | ir.Dim | ir.Constant | ir.Compare)
        or (isinstance(n, Call) and n.function not in ELEMENTWISE)
        for n in ir.walk(node)
    )
