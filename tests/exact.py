"""Scalar expressions at many digits, by mpmath: what the float64 forms are held against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mpmath

from adaspec.ir import Binary, Call, Choose, Compare, Constant, Expr, Logical, Name, Number, Unary

mp = mpmath.mp.clone()
mp.dps = 60


def digits(count: int) -> Any:
    """A context: 340 digits tell 1 - 1e-320 from 1."""
    return mp.workdps(count)


INF = mp.inf

FUNCTIONS = {
    "abs": abs, "sign": mp.sign, "sqrt": mp.sqrt, "rsqrt": lambda a: 1 / mp.sqrt(a), "exp": mp.exp, "expm1": mp.expm1,
    "log": lambda a: mp.log(a) if a else -INF, "log1p": mp.log1p, "tanh": mp.tanh, "floor": mp.floor, "minimum": min,
    "maximum": max, "clip": lambda a, low, high: min(max(a, low), high), "where": lambda c, a, b: a if c else b,
}  # fmt: skip


def exact(node: Expr, env: Mapping[str, Any]) -> Any:
    """The value of a scalar expression whose names are numbers, truth values or None in `env`."""
    match node:
        case Number(value):
            return mp.mpf(value)
        case Constant(value):
            return value
        case Name(id=name):
            value = env[name]
            return mp.mpf(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
        case Unary("-", operand):
            return -exact(operand, env)
        case Unary(operand=operand):
            return not exact(operand, env)
        case Binary("**", left, right):
            return power(exact(left, env), exact(right, env))
        case Binary(op, left, right):
            a, b = exact(left, env), exact(right, env)
            if op == "/":
                return a / b
            return {"+": a + b, "-": a - b, "*": a * b, "&": a and b, "|": a or b}[op]
        case Compare("is" | "is not" as op, left, _):
            return (exact(left, env) is None) == (op == "is")
        case Compare(op, left, right):
            a, b = exact(left, env), exact(right, env)
            return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b, "==": a == b, "!=": a != b}[op]
        case Logical("and", values):
            return all(exact(v, env) for v in values)
        case Logical(values=values):
            return any(exact(v, env) for v in values)
        case Choose(test, then, otherwise):
            return exact(then if exact(test, env) else otherwise, env)
        case Call(function=name, args=args):
            return FUNCTIONS[name](*(exact(a, env) for a in args))
    raise TypeError(type(node).__name__)


def power(base: Any, exponent: Any) -> Any:
    """base**exponent with as many digits more as a large exponent takes away."""
    with mp.workdps(mp.dps + 40):
        return base**exponent


def growth(node: Expr, env: Mapping[str, Any]) -> float:
    """The most e-folds by which a power under `node` grows: (1 + b)**t is known to that many ulp, no better."""
    most = 0.0
    if isinstance(node, Binary) and node.op == "**":
        base = exact(node.left, env)
        most = max(0.0, float(mp.log(base) * exact(node.right, env)) if base > 0 else 0.0)
    for child in vars(node).values():
        for part in child if isinstance(child, tuple) else (child,):
            if isinstance(part, Expr):
                most = max(most, growth(part, env))
    return most
