"""When each unit of a body runs: passes of whole values and one walk over the parameter's blocks each.

A walk can use a reduction only if an earlier one summed it up, which gives every unit its pass. No array of the
parameter's size outlives a block: a walk computes again what it needs of an earlier one, since arithmetic is cheaper
than a second array. Slots and parameter are written as early as possible, but not before the last walk that starts
from their old value.
"""

from __future__ import annotations

from dataclasses import dataclass

from .units import SUM, WALK, WHOLE, Unit, Units, Value

At = tuple[int, int]
"""A phase and a pass of it."""


@dataclass
class Schedule:
    wholes: dict[At, list[Unit]]
    walks: dict[At, list[Unit]]
    """What is computed for each block, in order."""
    stored: dict[str, At]
    """The walk that writes each array which a slot or the parameter is bound to."""
    passes: list[int]
    """How many passes each phase has."""
    maker: dict[Value, Unit]


class Scheduler:
    """`arrays` are the parameter and the slots of its shape, `small` the other slots."""

    def __init__(self, units: Units, phases: int, param: str, arrays: set[str], small: set[str]) -> None:
        self.param = param
        self.last = units.last
        self.maker = {(n, v): u for u in units.units for n, v in u.binds.items()}
        self.units = self.wanted(units, arrays | small)
        self.level: dict[int, int] = {}
        for unit in self.units:
            self.level[unit.place] = max((self.ready(v, unit.phase) for v in unit.reads.items()), default=0)
        self.passes = [
            1 + max((self.level[u.place] for u in self.units if u.phase == p), default=-1) for p in range(phases)
        ]
        makers = {n: self.maker[n, units.last[n]] for n in sorted(arrays) if units.last.get(n)}
        self.stored = {n: self.at(u) for n, u in makers.items()}

    def wanted(self, units: Units, state: set[str]) -> list[Unit]:
        """The units that lead to the new state or to a total."""
        todo: list[Value] = [(n, v) for n, v in units.last.items() if n in state]
        todo += [v for total in units.totals for v in total.reads.items()]
        found: dict[int, Unit] = {}
        while todo:
            unit = self.maker.get(todo.pop())
            if unit is not None and unit.place not in found:
                found[unit.place] = unit
                todo += unit.reads.items()
        return [found[place] for place in sorted(found)]

    def ready(self, value: Value, phase: int) -> int:
        """The first pass of a phase in which a value is known."""
        unit = self.maker.get(value)
        if unit is None or unit.phase < phase:
            return 0
        return self.level[unit.place] + (unit.home == SUM)

    def at(self, unit: Unit) -> At:
        return unit.phase, self.level[unit.place]

    def run(self) -> Schedule:
        wholes: dict[At, list[Unit]] = {}
        for unit in self.units:
            if unit.home == WHOLE:
                wholes.setdefault(self.at(unit), []).append(unit)
        while (walks := self.walks()) is None:
            pass
        return Schedule(wholes, walks, self.stored, self.passes, self.maker)

    def walks(self) -> dict[At, list[Unit]] | None:
        """What each walk computes; None where an array has to be written later than thought so far."""
        found: dict[At, list[Unit]] = {}
        for at in [(p, k) for p, count in enumerate(self.passes) for k in range(count)]:
            roots = [u for u in self.units if u.home == SUM and self.at(u) == at]
            roots += [self.maker[n, self.last[n]] for n, when in self.stored.items() if when == at]
            needed: dict[int, Unit] = {u.place: u for u in roots}
            todo = roots
            while todo:
                for name, number in todo.pop().reads.items():
                    unit = self.maker.get((name, number))
                    if name in self.stored and self.stored[name] < at and not self.is_stored(name, number):
                        self.stored[name] = at
                        return None
                    if unit is None or unit.home != WALK or unit.place in needed:
                        continue
                    if not (name in self.stored and self.stored[name] < at):
                        needed[unit.place] = unit
                        todo.append(unit)
            if needed:
                found[at] = [needed[place] for place in sorted(needed)]
        return found

    def is_stored(self, name: str, number: int) -> bool:
        """Whether a walk behind the one that writes the array finds this value in it, unrounded."""
        return number == self.last[name] and name != self.param
