"""What the interpreter must know of each value that it binds, found out once rather than at every step."""

from __future__ import annotations

from . import ir
from .frozen import frozen
from .ir import Call, Dim, Draw, Expr, Index, Ndim, Transpose


@frozen
class Reading:
    """Of a value that a statement binds: whether a `total` is in it, what names it reads, and whether these suffice.

    `scalar` is false where it takes more than the values of names: a shape, noise, or another view of an array.
    """

    totals: bool
    names: frozenset[str]
    scalar: bool


class Readings:
    """Each value's `Reading`, by the identity of the value: to hash or to walk it would cost as much as to compute."""

    def __init__(self) -> None:
        self.known: dict[int, tuple[Expr, Reading]] = {}

    def __getitem__(self, value: Expr) -> Reading:
        if id(value) not in self.known:
            self.known[id(value)] = value, reading(value)  # which keeps the value, and so its identity, alive
        return self.known[id(value)][1]


def reading(value: Expr) -> Reading:
    nodes = list(ir.walk(value))
    totals = any(isinstance(n, Call) and n.function == "total" for n in nodes)
    scalar = not any(isinstance(n, Dim | Draw | Ndim | Index | Transpose) for n in nodes)
    return Reading(totals, frozenset(ir.values_read(value)), scalar)
