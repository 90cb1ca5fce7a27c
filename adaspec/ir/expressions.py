"""Spans, nodes, and the nodes that have a value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Span:
    """Where a node stands in its text: 1-based lines, 0-based columns in characters, the end exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


NOWHERE = Span(0, 0, 0, 0)


@dataclass(frozen=True)
class Node:
    span: Span = field(default=NOWHERE, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class Expr(Node):
    pass


@dataclass(frozen=True)
class Number(Expr):
    """A finite literal. `int` stays `int`: an integer exponent or axis means something else than a float."""

    value: int | float


@dataclass(frozen=True)
class Constant(Expr):
    """`True`, `False` or `None`: static by nature."""

    value: bool | None


@dataclass(frozen=True)
class Name(Expr):
    id: str


@dataclass(frozen=True)
class Unary(Expr):
    """`-` on numbers, `~` on arrays of truth values, `not` on static facts."""

    op: str
    operand: Expr


@dataclass(frozen=True)
class Binary(Expr):
    """`+ - * / ** @` on numbers and arrays, `% //` on numbers that no array enters, `& |` on truth values."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True)
class Compare(Expr):
    """`< <= > >= == !=`, and `is` / `is not` against `None`."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True)
class Logical(Expr):
    """`and` / `or` of static facts."""

    op: str
    values: tuple[Expr, ...]


@dataclass(frozen=True)
class Choose(Expr):
    """`then if test else otherwise`, the test being static."""

    test: Expr
    then: Expr
    otherwise: Expr


@dataclass(frozen=True)
class Call(Expr):
    """A function of the vocabulary, or before expansion a helper, schedule or view of the same file."""

    function: str
    args: tuple[Expr, ...]
    options: tuple[tuple[str, Expr], ...] = ()

    def option(self, name: str) -> Expr | None:
        return dict(self.options).get(name)


@dataclass(frozen=True)
class Transpose(Expr):
    """`.T`: the last two axes change places."""

    operand: Expr


@dataclass(frozen=True)
class Ndim(Expr):
    """A fact of a shape as a whole; `word` is how it is written."""

    operand: Expr
    word: ClassVar[str] = "ndim"


@dataclass(frozen=True)
class Size(Ndim):
    """`operand.size`: the number of elements."""

    word: ClassVar[str] = "size"


@dataclass(frozen=True)
class FanIn(Ndim):
    """`fan_in(operand)`: how many inputs a neuron of the layer has; `fans.placed` leaves none."""

    word: ClassVar[str] = "fan_in"


@dataclass(frozen=True)
class FanOut(Ndim):
    """`fan_out(operand)`: how many outputs an input of the layer has."""

    word: ClassVar[str] = "fan_out"


@dataclass(frozen=True)
class Shape(Ndim):
    """The shape that `fold` and `spread` go back to: an argument that the checker gives them, no value of a spec."""

    word: ClassVar[str] = "shape"


@dataclass(frozen=True)
class Dim(Expr):
    """`operand.shape[axis]`; the checker turns a positive axis into one counted from the end."""

    operand: Expr
    axis: int


@dataclass(frozen=True)
class Pick(Expr):
    """`a[i]`, the slot of one axis, or with a `Shape` as operand `x.shape[i]`; `axes.unrolled` leaves none."""

    operand: Expr
    index: Expr


@dataclass(frozen=True)
class Index(Expr):
    """`operand[...]` with items `"..."`, `":"` and `None` (a new axis) alone: it only ever adds axes of length 1."""

    operand: Expr
    items: tuple[str | None, ...]


@dataclass(frozen=True)
class Part(Expr):
    """One of the results of `eigh`, `qr` or `svd`: `operand` is the name that holds them all."""

    operand: Expr
    index: int


@dataclass(frozen=True)
class Draw(Expr):
    """Noise of the parameter's shape (`adaspec.noise`); `stream` counts the draws of an expanded rule from 0."""

    kind: str
    stream: int
