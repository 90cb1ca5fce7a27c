"""Scalar expressions at many digits, by mpmath: what the float64 forms are held against.

Of a choice the side that is picked counts alone: what the other one is, if it is anything, nobody reads. A quotient by
zero is what IEEE says, and where there is no real number (the root of -1, 0 / 0) the value is nan.
"""

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
    "abs": abs, "sign": mp.sign, "sqrt": mp.sqrt, "rsqrt": lambda a: quotient(mp.one, real(mp.sqrt(a))),
    "exp": mp.exp, "expm1": mp.expm1,
    "log": lambda a: mp.log(a) if a else -INF, "log1p": mp.log1p,
    "tanh": mp.tanh, "floor": mp.floor,
    "minimum": lambda a, b: of_both(min, a, b),
    "maximum": lambda a, b: of_both(max, a, b),
    "clip": lambda a, low, high: of_both(min, of_both(max, a, low), high),
}  # fmt: skip


def of_both(choice: Any, a: Any, b: Any) -> Any:
    return mp.nan if mp.isnan(a) or mp.isnan(b) else choice(a, b)


def quotient(a: Any, b: Any) -> Any:
    if b != 0 or mp.isnan(a):
        return a / b
    return mp.sign(a) * INF if a else mp.nan


def remainder(a: Any, b: Any) -> Any:
    return a - b * mp.floor(a / b) if b else mp.nan


ARITHMETIC = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": quotient, "%": remainder,
    "//": lambda a, b: mp.floor(a / b) if b else mp.nan, "&": lambda a, b: a and b, "|": lambda a, b: a or b,
}  # fmt: skip


def real(value: Any) -> Any:
    """`value`, or nan where it is no real number."""
    return mp.nan if isinstance(value, mp.mpc) else value


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
            return ARITHMETIC[op](exact(left, env), exact(right, env))
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
        case Call("where", (test, then, otherwise)):
            return exact(then if exact(test, env) else otherwise, env)
        case Call(function=name, args=args):
            return real(FUNCTIONS[name](*(exact(a, env) for a in args)))
    raise TypeError(type(node).__name__)


def power(base: Any, exponent: Any) -> Any:
    """base**exponent with as many digits more as a large exponent takes away."""
    if not base and exponent < 0:
        return INF
    with mp.workdps(mp.dps + 40):
        return real(base**exponent)


def growth(node: Expr, env: Mapping[str, Any]) -> float:
    """The most e-folds by which a power under `node` grows: (1 + b)**t is known to that many ulp, no better.

    So is one over it, (1 + b)**-t, and where the exponent is itself rounded, as in b**(c * t), what shrinks by it.
    """
    most = 0.0
    if isinstance(node, Binary) and node.op == "**":
        base, exponent = exact(node.left, env), exact(node.right, env)
        folds = mp.log(base) * exponent if base > 0 else mp.zero
        if base > 1 or (mp.isfinite(exponent) and mp.mpf(float(exponent)) != exponent):
            folds = abs(folds)
        most = max(0.0, float(folds)) if mp.isfinite(folds) else 0.0
    return max([most, *(growth(part, env) for part in read(node, env))])


def read(node: Expr, env: Mapping[str, Any]) -> list[Expr]:
    """The expressions in `node` whose values count: not the side of a choice that is not picked."""
    match node:
        case Choose(test, then, otherwise) | Call("where", (test, then, otherwise)):
            return [test, then if exact(test, env) else otherwise]
    parts = [p for child in vars(node).values() for p in (child if isinstance(child, tuple) else (child,))]
    return [p for p in parts if isinstance(p, Expr)]
