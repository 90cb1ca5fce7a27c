"""A body as units in order, each with the values that it reads and binds: what a schedule is made from.

A value is a name and a number: ("m", 0) is what the slot holds before the step, ("m", 1) what the first binding makes
of it. A unit is computed once per parameter (`WHOLE`: numbers, and arrays with fewer axes than the parameter), once per
block of the parameter (`WALK`), or block by block into a number or a smaller array (`SUM`: a reduction).
"""

from __future__ import annotations

from .. import ir
from ..frozen import frozen
from ..ir import Call, Choose, Expr, Index, Name, Number, Stmt, Transpose
from ..types import Type

WHOLE, SUM, WALK = "whole", "sum", "walk"
NUMBER, SMALL, FULL = "number", "small", "full"
REDUCTIONS = frozenset({"sum", "mean", "max", "norm", "rms"})

Value = tuple[str, int]


class Hard(Exception):
    """A branch or loop holds what cannot run inside a walk over blocks."""


class Split(Exception):
    """The body can be streamed under either answer to `test`, not under both at once."""

    def __init__(self, test: Expr) -> None:
        super().__init__(test)
        self.test = test


class Unstreamable(Exception):
    """The body needs arrays of the parameter's size beside its state; the message says for what."""


@frozen
class Unit:
    """`reads` and `binds` map each name to the number of its value; `place` is the unit's place in the order."""

    place: int
    phase: int
    home: str
    stmt: Stmt
    reads: dict[str, int]
    binds: dict[str, int]


@frozen
class Sum:
    """What a parameter adds to a total at the end of a phase."""

    phase: int
    name: str
    value: Expr
    reads: dict[str, int]


@frozen
class Units:
    """`last` tells the number of each name's last value."""

    units: tuple[Unit, ...]
    types: dict[Value, Type]
    last: dict[str, int]
    totals: tuple[Sum, ...]


def kind(t: Type) -> str:
    """NUMBER, SMALL or FULL; Unstreamable for an array as large as the parameter with other axes."""
    if not t.dims:
        return NUMBER
    if t.is_full:
        return FULL
    own = [d for d in t.dims if d not in ("...", -4, -3, 1)]
    if len(own) > 1 or not all(isinstance(d, int) for d in own):
        raise Unstreamable("arrays with other axes than the parameter's")
    return SMALL


def is_view(node: Expr) -> bool:
    """Whether it shows the elements of one array, with axes added at most."""
    return isinstance(node, Name) or (isinstance(node, Index) and is_view(node.operand))


def shows_other(node: Expr) -> bool:
    """Whether a change of another array may change it."""
    match node:
        case Transpose(operand) | Index(operand):
            return shows_other(operand)
        case Call("unfold" | "fold" | "spread", (operand, *_)):
            return shows_other(operand)
        case Choose(_, then, otherwise):
            return shows_other(then) or shows_other(otherwise)
    return isinstance(node, Name)


def reduction_name(node: Expr) -> str:
    """`norm_u`; with an axis `mean_g2_rows` (a number per row) or `mean_g2_columns`."""
    call = next(n for n in ir.walk(node) if isinstance(n, Call))
    lead = next((n.id for n in ir.walk(call) if isinstance(n, Name)), "x")
    axis = call.option("axis")
    return f"{call.function}_{lead}" + ("" if axis is None else "_rows" if axis_of(axis) == -1 else "_columns")


def axis_of(axis: Expr) -> int:
    match axis:
        case ir.Unary("-", Number(int(n))):
            return -n
        case Number(int(n)):
            return n
    raise TypeError(axis)
