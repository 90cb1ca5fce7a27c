"""What a value is to code that updates arrays in place: a number, an array of the parameter's shape, or another."""

from __future__ import annotations

from . import ir
from .ir import Binary, Call, Choose, Expr, Index, Name, Number, Transpose, Unary
from .lower import lowered_type
from .types import Stage, Type
from .vocabulary import FUNCTIONS

SCALAR, SMALL, FULL, OTHER = "scalar", "small", "full", "other"
"""A host number; a 0-d value per array; an array of the parameter's shape; of any other shape."""


class Kinds:
    def __init__(self, types: dict[str, Type]) -> None:
        self.types = types

    def kind(self, node: Expr) -> str:
        found = lowered_type(plain(node), self.types)
        if not found.stage & Stage.ARRAY:
            return SCALAR
        return SMALL if found.dims == () else FULL if found.is_full else OTHER

    def is_elementwise(self, node: Expr) -> bool:
        """Whether the outermost operation runs elementwise over arrays of the parameter's shape."""
        match node:
            case Unary("-") | Binary("+" | "-" | "*" | "/" | "**"):
                return self.kind(node) == FULL
            case Call("where"):
                return False
            case Call(name):
                plain = name in ("lerp", "axpy", "square") or FUNCTIONS[name].group == "elementwise"
                return plain and self.kind(node) == FULL
        return False

    def has_factor(self, node: Expr) -> bool:
        """Whether a scalar factor may be looked for: products of any shape have theirs."""
        return self.is_elementwise(node) or (isinstance(node, Binary) and node.op in "*/" and self.kind(node) != SCALAR)

    def is_simple(self, node: Expr) -> bool:
        """Whether nothing but elementwise operations, names and scalars stand in it."""
        parts = [n for n in ir.walk(node) if isinstance(n, Expr)]
        return all(isinstance(n, Name | Number) or self.is_elementwise(n) or self.kind(n) == SCALAR for n in parts)

    def is_view(self, node: Expr) -> bool:
        match node:
            case Transpose(operand) | Index(operand):
                return self.is_view(operand)
            case Call("unfold" | "fold" | "spread", (operand, *_)):
                return self.is_view(operand)
            case Choose(_, then, otherwise):
                return self.is_view(then) or self.is_view(otherwise)
        return isinstance(node, Name)


def plain(node: Expr) -> Expr:
    """`node` in the vocabulary that `typeof` knows."""
    if any(isinstance(n, Call) and n.function in UPDATES for n in ir.walk(node)):
        return _plain(node)
    return node


UPDATES = ("axpy", "square", "copy")


def _plain(node: Expr) -> Expr:
    node = ir.rebuild(node, _plain)
    match node:
        case Call("axpy", (a, b, k)):
            return Binary("+", a, Binary("*", b, k))
        case Call("square", (a,)):
            return Binary("**", a, Number(2))
        case Call("copy", (a,)):
            return a
    return node
