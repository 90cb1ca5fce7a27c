"""What one walk over the blocks computes, in the names of its place: statements from which code is printed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from .. import domains, ir
from ..inplace import Plan, plan
from ..ir import Assign, Binary, Call, Expr, For, If, Index, Name, Number, Stmt
from ..lower import Lowered, Subtract, lowered_type
from ..phases import Phase
from ..types import Stage, Type
from .names import Names
from .schedule import At
from .timeline import renamed
from .units import SUM, Unit, axis_of, is_view
from .values import Values


@dataclass(frozen=True)
class Reduction:
    """What becomes of a sum over the blocks; with an axis, `piece` is the part of it that belongs to a block."""

    function: str
    axis: int | None
    piece: str


class Walk:
    """`at` is the walk's place in the schedule, `units` what it computes."""

    def __init__(self, lowered: Lowered, names: Names, values: Values, at: At, units: list[Unit]) -> None:
        self.lowered = lowered
        self.rule = lowered.rule
        self.names = names.copy()  # what the pieces are called, is forgotten behind the walk
        self.values = values
        self.at = at
        self.sums: dict[str, Reduction] = {}
        self.views: dict[Expr, str] = {}
        """Smaller arrays as they are broadcast against a block, with the names of their pieces."""
        self.types: dict[str, Type] = {n: _on_host(t) for n, t in values.types.items()}
        body: list[Stmt] = []
        for unit in units:
            body += self.unit(unit)
        self.body = tuple(body)

    # Units under the names of this walk

    def unit(self, unit: Unit) -> list[Stmt]:
        names = {n: self.values.within(self.at, n, v) for n, v in unit.reads.items()}
        stmt = unit.stmt
        if unit.home == SUM:
            assert isinstance(stmt, Assign)
            return [self.sum(stmt, names)]
        made = {n: self.values.within(self.at, n, v) for n, v in unit.binds.items()}
        for name, v in unit.binds.items():
            self.types[made[name]] = self.values.units.types[name, v]
        match stmt:
            case Assign(name, value):
                new = Name(names[value.id]) if isinstance(value, Name) else self.pieces(renamed(value, names))
                return [Assign(made[name], new)] if new != Name(made[name]) else []
            case Subtract(name, value):
                new = self.pieces(renamed(value, names))
                if made[name] == name:
                    return [Subtract(name, new)]
                return [Assign(made[name], Binary("-", Name(names[name]), new))]
        before = [Assign(made[n], Name(names[n])) for n in made if n in names and names[n] != made[n]]
        return [*before, self.inside(stmt, {**names, **made})]

    def inside(self, stmt: Stmt, names: dict[str, str]) -> Stmt:
        match stmt:
            case Assign(name, value):
                return Assign(names.get(name, name), self.pieces(renamed(value, names)))
            case Subtract(name, value):
                new = self.pieces(renamed(value, names))
                return (
                    Subtract(name, new)
                    if names[name] == name
                    else Assign(names[name], Binary("-", Name(names[name]), new))
                )
            case If(test, then, otherwise):
                sides = [tuple(self.inside(s, names) for s in side) for side in (then, otherwise)]
                return If(renamed(test, names), *sides)
            case For(count, body):
                return For(renamed(count, names), tuple(self.inside(s, names) for s in body))
        raise TypeError(type(stmt).__name__)

    def sum(self, stmt: Assign, names: dict[str, str]) -> Assign:
        """A reduction, without its axis: how its value is summed up, `accumulate` says."""
        call = stmt.value
        assert isinstance(call, Call)
        axis = call.option("axis")
        piece = "" if axis is None else self.names.fresh(f"{self.names[stmt.name]}_b")
        self.sums[stmt.name] = Reduction(call.function, None if axis is None else axis_of(axis), piece)
        value = self.pieces(renamed(call.args[0], names))
        value = self.squared(value) if call.function in ("norm", "rms") else value
        return Assign(stmt.name, Call("max" if call.function == "max" else "sum", (value,)))

    def squared(self, value: Expr) -> Expr:
        """What of an element is summed up for a norm."""
        return Binary("**", value, Number(2))

    def pieces(self, node: Expr) -> Expr:
        """`node` with its smaller arrays under the names of their pieces."""
        if isinstance(node, Name | Index) and is_view(node):
            (name,) = ir.names(node)
            t = self.values.types.get(name)
            if t is not None and t.dims and not t.is_full:
                return Name(self.piece(node, name))
        return node if isinstance(node, ir.Dim | ir.Ndim) else ir.rebuild(node, self.pieces)

    def piece(self, view: Expr, name: str) -> str:
        if view not in self.views:
            self.views[view] = self.names.fresh(f"{self.names[name]}_b")
            self.types[self.views[view]] = lowered_type(view, self.values.types)
        return self.views[view]

    def plan(self, intervals: domains.Intervals, fused: frozenset[str], taken: Iterable[str] = ()) -> Plan:
        """The statements as operations; `fused` and `taken` as for `inplace.plan`."""
        types = {**self.lowered.types, **self.types, **{n: Type(Stage.ARRAY) for n in self.sums}}
        lowered = replace(self.lowered, types=types, intervals=intervals)
        return plan(lowered, Phase((), self.body), self.sums, fused, taken)


def _on_host(t: Type) -> Type:
    """The type of a number as a walk sees it: a scalar like any other, known before the walk."""
    return t if t.dims else replace(t, stage=Stage.STATIC if t.stage.static else Stage.SCALAR)
