"""The meaning of scalar expressions: float64 with IEEE rules. Overflow is inf, sqrt(-1) is nan, `where` picks.

No Python exception and no warning leaves this module for a value of any size: a schedule can be asked at t = 2**31.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .errors import SpecError
from .ir import Binary, Call, Choose, Compare, Constant, Dim, Expr, Index, Logical, Name, Ndim, Number, Transpose, Unary

Scalar = float | bool | None

ELEMENTWISE = {
    "abs": np.abs, "sign": np.sign, "sqrt": np.sqrt, "rsqrt": lambda a: 1.0 / np.sqrt(a), "exp": np.exp,
    "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "tanh": np.tanh, "floor": np.floor, "minimum": np.minimum,
    "maximum": np.maximum, "clip": lambda a, low, high: np.minimum(np.maximum(a, low), high),
    "where": lambda c, a, b: a if c else b,
}  # fmt: skip

BINARY = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "**": np.power, "&": np.logical_and,
    "|": np.logical_or, "%": np.remainder, "//": lambda a, b: np.floor_divide(a, b) if b != 0 else np.float64(np.nan),
}  # fmt: skip

COMPARE = {
    "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal, "==": np.equal, "!=": np.not_equal,
}  # fmt: skip


def evaluate(node: Expr, env: Mapping[str, object]) -> Scalar:
    """The value of a scalar expression, its names looked up in `env` (numbers, truth values, None)."""
    with np.errstate(all="ignore"):
        value = _evaluate(node, env)
    if value is None or isinstance(value, bool | np.bool_):
        return None if value is None else bool(value)
    return float(value)


def _evaluate(node: Expr, env: Mapping[str, object]) -> Any:
    match node:
        case Number(value):
            return np.float64(value)
        case Constant(value):
            return value
        case Name(id=name):
            held: Any = env[name]
            return held if held is None or isinstance(held, bool) else np.float64(held)
        case Unary("-", operand):
            return -_evaluate(operand, env)
        case Unary(operand=operand):
            return not _evaluate(operand, env)
        case Binary(op, left, right) if op in BINARY:
            return BINARY[op](_evaluate(left, env), _evaluate(right, env))
        case Compare("is" | "is not" as op, left, _):
            return (_evaluate(left, env) is None) == (op == "is")
        case Compare(op, left, right):
            return bool(COMPARE[op](_evaluate(left, env), _evaluate(right, env)))
        case Logical("and", values):
            return all(_evaluate(v, env) for v in values)
        case Logical(values=values):
            return any(_evaluate(v, env) for v in values)
        case Choose(test, then, otherwise):
            return _evaluate(then if _evaluate(test, env) else otherwise, env)
        case Call(function=name, args=args) if name in ELEMENTWISE:
            return ELEMENTWISE[name](*(_evaluate(a, env) for a in args))
        case Call() | Dim() | Ndim() | Index() | Transpose() | Binary():
            raise SpecError("an array where a number is needed", node)
    raise SpecError(f"{type(node).__name__} is not a scalar expression", node)
