"""Expressions as Python text with the fewest brackets; the base of the canonical text and of every emitter."""

from __future__ import annotations

from typing import ClassVar

from .ir import (
    Binary,
    Call,
    Choose,
    Compare,
    Constant,
    Dim,
    Draw,
    Expr,
    Index,
    Logical,
    Name,
    Ndim,
    Number,
    Part,
    Pick,
    Transpose,
    Unary,
)

PRECEDENCE = {
    "choose": 1, "or": 2, "and": 3, "not": 4, "compare": 5, "|": 6, "&": 7, "+": 8, "-": 8, "*": 9, "/": 9, "@": 9,
    "%": 9, "//": 9, "neg": 10, "~": 10, "**": 11, "atom": 12,
}  # fmt: skip


class Printer:
    """One method per node kind; an emitter overrides those whose spelling differs in its framework.

    Every method returns text and the precedence of its outermost operator; `text(node)` gives the text alone.
    """

    words: ClassVar[dict[str, str]] = {"ndim": "ndim", "size": "size", "shape": "shape"}
    """How a framework's arrays call the facts of their shapes."""

    def text(self, node: Expr, least: int = 0) -> str:
        """`node` as text, in brackets if its precedence is under `least`."""
        text, precedence = self.node(node)
        return f"({text})" if precedence < least else text

    def node(self, node: Expr) -> tuple[str, int]:
        match node:
            case Number(value):
                return self.number(value)
            case Constant(value):
                return repr(value), PRECEDENCE["atom"]
            case Name(id=name):
                return self.name(name), PRECEDENCE["atom"]
            case Unary("not", operand):
                return f"not {self.text(operand, PRECEDENCE['not'])}", PRECEDENCE["not"]
            case Unary(op, operand):
                return f"{op}{self.text(operand, PRECEDENCE['neg'])}", PRECEDENCE["neg"]
            case Binary(op, left, right):
                return self.binary(op, left, right)
            case Compare(op, left, right):
                level = PRECEDENCE["compare"]
                return f"{self.text(left, level + 1)} {op} {self.text(right, level + 1)}", level
            case Logical(op, values):
                level = PRECEDENCE[op]
                return f" {op} ".join(self.text(v, level + 1) for v in values), level
            case Choose(test, then, otherwise):
                level = PRECEDENCE["choose"]
                parts = self.text(then, level + 1), self.text(test, level + 1), self.text(otherwise, level)
                return f"{parts[0]} if {parts[1]} else {parts[2]}", level
            case Call():
                return self.call(node)
            case Part(operand, index):
                return f"{self.text(operand, PRECEDENCE['atom'])}[{index}]", PRECEDENCE["atom"]
            case Draw():
                return self.draw(node), PRECEDENCE["atom"]
            case Transpose(operand):
                return self.transpose(operand), PRECEDENCE["atom"]
            case Ndim(operand):
                return f"{self.text(operand, PRECEDENCE['atom'])}.{self.words[node.word]}", PRECEDENCE["atom"]
            case Dim(operand, axis):
                return f"{self.text(operand, PRECEDENCE['atom'])}.shape[{axis}]", PRECEDENCE["atom"]
            case Pick(operand, index):
                return f"{self.text(operand, PRECEDENCE['atom'])}[{self.text(index)}]", PRECEDENCE["atom"]
            case Index(operand, items):
                shown = ", ".join("None" if i is None else i for i in items)
                return f"{self.text(operand, PRECEDENCE['atom'])}[{shown}]", PRECEDENCE["atom"]
        raise TypeError(type(node).__name__)

    def number(self, value: int | float) -> tuple[str, int]:
        return repr(value), PRECEDENCE["atom"] if value >= 0 else PRECEDENCE["neg"]

    def name(self, name: str) -> str:
        return name

    def binary(self, op: str, left: Expr, right: Expr) -> tuple[str, int]:
        level = PRECEDENCE[op]
        if op == "**":
            # Right-associative, and a sign on the right binds tighter than the power itself.
            tail = self.text(right, PRECEDENCE["neg"])
            return f"{self.text(left, level + 1)}**{tail}", level
        # Left-associative; the right side of + and * too: floating point is not associative.
        return f"{self.text(left, level)} {op} {self.text(right, level + 1)}", level

    def call(self, node: Call) -> tuple[str, int]:
        parts = [self.text(a, PRECEDENCE["choose"]) for a in node.args]
        parts += [f"{name}={self.text(value, PRECEDENCE['choose'])}" for name, value in node.options]
        return f"{node.function}({', '.join(parts)})", PRECEDENCE["atom"]

    def draw(self, node: Draw) -> str:
        return f"{node.kind}()"

    def transpose(self, operand: Expr) -> str:
        return f"{self.text(operand, PRECEDENCE['atom'])}.T"
