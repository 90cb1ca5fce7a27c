"""Expressions as C: numbers in double, and what is computed for each element in REAL."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from adaspec import ir
from adaspec.errors import SpecError
from adaspec.ir import Binary, Call, Choose, Constant, Dim, Expr, Logical, Name, Ndim, Number, Unary
from adaspec.lower import lowered_type
from adaspec.printer import PRECEDENCE, Printer
from adaspec.streams.units import REDUCTIONS, Unstreamable
from adaspec.types import Type

ATOM, TIMES, MINUS = (PRECEDENCE[op] for op in ("atom", "*", "neg"))
OR, AND, CHOOSE = (PRECEDENCE[op] for op in ("or", "and", "choose"))
PLAIN = ("exp", "expm1", "log", "log1p", "tanh", "floor", "sqrt")
"""Functions that <tgmath.h> has for either precision, with the IEEE manners that the interpreter has."""
OWN = ("sign", "maximum", "minimum")
"""Those that the file defines itself."""


class CPrinter(Printer):
    """`suffix` marks the functions of the prelude: `_d` for double, none for REAL."""

    suffix = ""

    def node(self, node: Expr) -> tuple[str, int]:
        match node:
            case Constant(bool(value)):
                return str(int(value)), ATOM
            case Constant():
                raise Unstreamable("None as a value")
            case Unary("not" | "~", operand):
                return f"!{self.text(operand, MINUS + 1)}", MINUS
            case Unary("-", operand):
                return f"-{self.text(operand, MINUS + 1)}", MINUS
            case Logical(op, values):
                level = PRECEDENCE[op]
                return f" {'&&' if op == 'and' else '||'} ".join(self.text(v, level + 1) for v in values), level
            case Choose(test, then, otherwise):
                return self.choice(test, then, otherwise)
            case ir.Draw():
                raise Unstreamable("noise")
        return super().node(node)

    def choice(self, test: Expr, then: Expr, otherwise: Expr) -> tuple[str, int]:
        parts = [self.text(test, CHOOSE + 1), self.text(then, CHOOSE + 1), self.text(otherwise, CHOOSE)]
        return f"{parts[0]} ? {parts[1]} : {parts[2]}", CHOOSE

    def binary(self, op: str, left: Expr, right: Expr) -> tuple[str, int]:
        if op == "**":
            return self.power(left, right)
        if op in ("&", "|"):
            level = AND if op == "&" else OR
            return f"{self.text(left, level)} {op * 2} {self.text(right, level + 1)}", level
        if op == "@":
            raise Unstreamable("matrix products")
        return super().binary(op, left, right)

    def power(self, base: Expr, exponent: Expr) -> tuple[str, int]:
        if exponent == Number(2):
            if isinstance(base, Name):
                text = self.text(base)
                return f"{text} * {text}", TIMES
            return f"square{self.suffix}({self.text(base)})", ATOM
        return f"pow({self.text(base)}, {self.text(exponent)})", ATOM

    def call(self, node: Call) -> tuple[str, int]:
        if node.options:
            raise Unstreamable("reductions along an axis")
        args = [self.text(a) for a in node.args]
        match node.function:
            case "lerp":
                old, new, weight = node.args
                return self.binary("+", old, Binary("*", weight, Binary("-", new, old)))
            case "rsqrt":
                return f"{self.text(Number(1))} / sqrt({args[0]})", TIMES
            case "abs":
                return f"fabs({args[0]})", ATOM
            case "square":
                return f"square{self.suffix}({args[0]})", ATOM
            case "clip":
                return f"minimum{self.suffix}(maximum{self.suffix}({args[0]}, {args[1]}), {args[2]})", ATOM
            case "where":
                return self.choice(*node.args)
            case name if name in PLAIN:
                return f"{name}({args[0]})", ATOM
            case name if name in OWN:
                return f"{name}{self.suffix}({', '.join(args)})", ATOM
        raise Unstreamable(f"`{node.function}`")


class NumberPrinter(CPrinter):
    """Numbers of the host, in double. `called` says how a name reads where the number is computed."""

    suffix = "_d"

    def __init__(self, called: Callable[[str], str]) -> None:
        self.called = called

    def node(self, node: Expr) -> tuple[str, int]:
        match node:
            case ir.Size():
                return "(double)a->size", MINUS
            case Dim() | Ndim():
                raise Unstreamable("what depends on the shape")
        return super().node(node)

    def number(self, value: int | float) -> tuple[str, int]:
        return repr(float(value)), ATOM if value >= 0 else MINUS

    def name(self, name: str) -> str:
        return self.called(name)

    def binary(self, op: str, left: Expr, right: Expr) -> tuple[str, int]:
        if op == "%":
            return f"modulo({self.text(left)}, {self.text(right)})", ATOM
        if op == "//":
            return f"quotient({self.text(left)}, {self.text(right)})", ATOM
        return super().binary(op, left, right)


class ElementPrinter(CPrinter):
    """What is computed for each element. `constant` names a number in front of the loop, rounded to REAL once."""

    def __init__(
        self, types: Mapping[str, Type], called: Callable[[str], str], constant: Callable[[Expr], str]
    ) -> None:
        self.types = types
        self.called = called
        self.constant = constant

    def node(self, node: Expr) -> tuple[str, int]:
        if isinstance(node, Number):
            return f"R({float(node.value)!r})", ATOM
        if not self.is_array(node):
            return self.constant(node), ATOM
        return super().node(node)

    def is_array(self, node: Expr) -> bool:
        try:
            found = lowered_type(node, self.types)
        except SpecError:
            raise Unstreamable("values whose type a branch changes") from None
        reduces = any(isinstance(n, Call) and n.function in REDUCTIONS for n in ir.walk(node))
        return bool(found.dims) or reduces

    def name(self, name: str) -> str:
        return self.called(name)
