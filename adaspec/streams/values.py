"""What generated code calls each value of a scheduled body, and what it keeps from one phase to the next.

A value takes the name of the one that it replaces where nothing reads that any more (`row += …`), else a new one
(`row_new`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .. import ir
from ..ir import Name
from ..types import Type
from .names import Names
from .schedule import At, Schedule
from .units import SUM, WALK, WHOLE, Unit, Units, Value

Place = tuple[int, int, int, int]
"""Phase, pass, 0 for the whole values or 1 for the walk, and the place in the order."""


class Values:
    """`small` are the slots with fewer axes than the parameter, those in `scalars` have none."""

    def __init__(self, units: Units, plan: Schedule, names: Names, small: list[str], scalars: set[str]) -> None:
        self.units = units
        self.plan = plan
        self.names = names
        self.small = small
        self.scalars = scalars
        self.types: dict[str, Type] = {}
        """By name in the code."""
        self.reads: dict[Value, Place] = {}
        for place, value in self.all_reads():
            self.reads[value] = max(self.reads.get(value, place), place)
        self.called: dict[Value, str] = {}
        self.aliases: dict[str, str] = {}
        self.mixed = {n for (n, v), u in plan.maker.items() if u.home != WALK}
        for at, made in plan.wholes.items():
            for unit in made:
                self.call(at, unit)
        for (name, number), t in units.types.items():
            if number == 0:
                self.types.setdefault(name, t)
        for value, unit in plan.maker.items():
            if unit.home != WALK:
                self.types[self[value]] = units.types[value]

    def all_reads(self) -> Iterator[tuple[Place, Value]]:
        for kind, table in ((0, self.plan.wholes), (1, self.plan.walks)):
            for at, made in table.items():
                for unit in made:
                    for value in unit.reads.items():
                        yield (*at, kind, unit.place if kind == 0 else 0), value
        for total in self.units.totals:
            for value in total.reads.items():
                yield (total.phase, self.plan.passes[total.phase], 1, 0), value

    def call(self, at: At, unit: Unit) -> None:
        ((name, number),) = unit.binds.items()
        before = self.called.get((name, number - 1), name if number == 1 and name in self.small else "")
        types = self.units.types
        shares = [v for v in range(number) if (name, v) in types and self[name, v] == before]
        place = (*at, 0, unit.place)
        if before and all(
            self.reads.get((name, v), place) <= place and types[name, v].dims == types[name, number].dims
            for v in shares
        ):
            self.called[name, number] = before
        elif number == 1 and (name, 0) not in types:
            self.called[name, number] = name
        else:
            self.called[name, number] = self.names.fresh(f"{name}_new")

    # Names

    def __getitem__(self, value: Value) -> str:
        """The name of a value that is computed once per parameter, or is there from the start."""
        return self.called.get(value, value[0])

    def within(self, at: At, name: str, number: int) -> str:
        """The name of a value inside the walk at `at`."""
        unit = self.plan.maker.get((name, number))
        if unit is not None and unit.home != WALK:
            return self[name, number]
        if number == 0 or at >= self.plan.stored.get(name, at):
            return name if number == 0 or name in self.plan.stored or not self.is_taken(name) else self.alias(name)
        return self.alias(name)

    def is_taken(self, name: str) -> bool:
        """Whether the name means something else outside the walk."""
        first = self.units.types.get((name, 0))
        return name in self.mixed or (first is not None and not first.is_full)

    def alias(self, name: str) -> str:
        if name not in self.aliases:
            self.aliases[name] = self.names.fresh(f"{name}_new")
        return self.aliases[name]

    # From phase to phase

    def kept(self, phase: int) -> list[str]:
        """The names that a phase finds computed by an earlier one."""
        found = [value for value in self.reads_of(phase) if self.made_before(value, phase)]
        return list(dict.fromkeys(self[value] for value in found))

    def keeps(self, phase: int) -> list[str]:
        """The names of this phase that later ones find."""
        found: list[str] = []
        for later in range(phase + 1, len(self.plan.passes)):
            for value in self.reads_of(later):
                if self.made_before(value, later) and self.plan.maker[value].phase == phase:
                    found.append(self[value])
        return list(dict.fromkeys(found))

    def made_before(self, value: Value, phase: int) -> bool:
        unit = self.plan.maker.get(value)
        return unit is not None and unit.home in (WHOLE, SUM) and unit.phase < phase and not self.in_place(value)

    def in_place(self, value: Value) -> bool:
        """Whether a value lies in its slot from the moment it is computed."""
        return value[0] in self.small and value[0] not in self.scalars and self[value] == value[0]

    def reads_of(self, phase: int) -> list[Value]:
        found = {value: None for place, value in self.all_reads() if place[0] == phase}
        return [*found, *((n, self.units.last[n]) for n in self.stores(phase))]

    def loads(self, phase: int) -> list[str]:
        """The smaller slots whose stored value a phase reads or replaces in place."""
        found = {n for n, v in self.reads_of(phase) if n in self.small and (v == 0 or self.in_place((n, v)))}
        made = [v for (p, _), us in self.plan.wholes.items() if p == phase for u in us for v in u.binds.items()]
        found |= {n for n, v in made if self.in_place((n, v))}
        return [n for n in self.small if n in found]

    def stores(self, phase: int) -> list[str]:
        """The smaller slots that are written at the end of a phase, the last that needs the old value."""
        return [n for n in self.small if self.units.last.get(n) and self.stored_in(n) == phase]

    def stored_in(self, name: str) -> int | None:
        last = name, self.units.last[name]
        if self.in_place(last):
            return None
        reads = [self.reads[v][0] for v in ((name, k) for k in range(last[1])) if v in self.reads and self[v] == name]
        return max([self.plan.maker[last].phase, *reads])


def named(node: Any, reads: Mapping[str, int], values: Values) -> Any:
    """`node` with each value that it reads under its name in the code."""
    if isinstance(node, Name):
        new = values[node.id, reads[node.id]] if node.id in reads else node.id
        return Name(new) if new != node.id else node
    return node if isinstance(node, ir.Dim | ir.Ndim) else ir.rebuild(node, lambda n: named(n, reads, values))
