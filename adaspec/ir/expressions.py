"""Spans, nodes, and the nodes that have a value."""

from __future__ import annotations

from dataclasses import field
from typing import ClassVar

from ..frozen import frozen


@frozen
class Span:
    """Where a node stands in its text: 1-based lines, 0-based columns in characters, the end exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


NOWHERE = Span(0, 0, 0, 0)


@frozen
class Node:
    span: Span = field(default=NOWHERE, compare=False, repr=False, kw_only=True)


@frozen
class Expr(Node):
    pass


@frozen
class Number(Expr):
    """A finite literal. `int` stays `int`: an integer exponent or axis means something else than a float."""

    value: int | float


@frozen
class Constant(Expr):
    """`True`, `False` or `None`: static by nature."""

    value: bool | None


@frozen
class Name(Expr):
    id: str


@frozen
class Unary(Expr):
    """`-` on numbers, `~` on arrays of truth values, `not` on static facts."""

    op: str
    operand: Expr


@frozen
class Binary(Expr):
    """`+ - * / ** @` on numbers and arrays, `% //` on numbers that no array enters, `& |` on truth values."""

    op: str
    left: Expr
    right: Expr


@frozen
class Compare(Expr):
    """`< <= > >= == !=`, and `is` / `is not` against `None`."""

    op: str
    left: Expr
    right: Expr


@frozen
class Logical(Expr):
    """`and` / `or` of static facts."""

    op: str
    values: tuple[Expr, ...]


@frozen
class Choose(Expr):
    """`then if test else otherwise`, the test being static."""

    test: Expr
    then: Expr
    otherwise: Expr


@frozen
class Call(Expr):
    """A function of the vocabulary, or before expansion a helper, schedule or view of the same file."""

    function: str
    args: tuple[Expr, ...]
    options: tuple[tuple[str, Expr], ...] = ()

    def option(self, name: str) -> Expr | None:
        return dict(self.options).get(name)


@frozen
class Transpose(Expr):
    """`.T`: the last two axes change places."""

    operand: Expr


@frozen
class Ndim(Expr):
    """A fact of a shape as a whole; `word` is how it is written."""

    operand: Expr
    word: ClassVar[str] = "ndim"


@frozen
class Size(Ndim):
    """`operand.size`: the number of elements."""

    word: ClassVar[str] = "size"


@frozen
class FanIn(Ndim):
    """`fan_in(operand)`: how many inputs a neuron of the layer has; `fans.placed` leaves none."""

    word: ClassVar[str] = "fan_in"


@frozen
class FanOut(Ndim):
    """`fan_out(operand)`: how many outputs an input of the layer has."""

    word: ClassVar[str] = "fan_out"


@frozen
class Shape(Ndim):
    """The shape that `fold` and `spread` go back to: an argument that the checker gives them, no value of a spec."""

    word: ClassVar[str] = "shape"


@frozen
class Dim(Expr):
    """`operand.shape[axis]`; the checker turns a positive axis into one counted from the end."""

    operand: Expr
    axis: int


@frozen
class Pick(Expr):
    """`a[i]`, the slot of one axis, or with a `Shape` as operand `x.shape[i]`; `axes.unrolled` leaves none."""

    operand: Expr
    index: Expr


@frozen
class Index(Expr):
    """`operand[...]` with items `"..."`, `":"` and `None` (a new axis) alone: it only ever adds axes of length 1."""

    operand: Expr
    items: tuple[str | None, ...]


@frozen
class Part(Expr):
    """One of the results of `eigh`, `qr` or `svd`: `operand` is the name that holds them all."""

    operand: Expr
    index: int


@frozen
class Draw(Expr):
    """Noise of the parameter's shape (`adaspec.noise`); `stream` counts the draws of an expanded rule from 0."""

    kind: str
    stream: int
