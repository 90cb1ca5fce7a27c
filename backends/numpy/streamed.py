"""One body without arrays of the parameter's size, as lines: whole values and walks over the blocks in turn."""

from __future__ import annotations

from functools import partial

from adaspec import ir
from adaspec.ir import Assign, Binary, Call, Expr, Name
from adaspec.lower import Lowered
from adaspec.streams.builder import Builder
from adaspec.streams.schedule import Scheduler
from adaspec.streams.timeline import Phase, Timeline, data
from adaspec.streams.units import Unit, Unstreamable, shows_other
from adaspec.streams.values import Values, named
from adaspec.types import Stage

from .naming import Names
from .printers import ArrayPrinter, NumberPrinter
from .walks import Walk

Hoisted = tuple[dict[str, str], list[str]]
"""The names of numbers by their text, and the lines that compute them."""


class Streamed:
    """The phases of a body; raises Split or Unstreamable where it is not one of this kind."""

    def __init__(
        self, lowered: Lowered, names: Names, host: NumberPrinter, time: Timeline, phases: list[Phase]
    ) -> None:
        rule = lowered.rule
        self.lowered = lowered
        self.names = names
        self.host = host
        self.time = time
        if any(s.dtype for s in rule.slots):
            raise Unstreamable("slots with a dtype of their own")
        units = Builder(lowered, time.types, names).run(phases)
        self.scalars = {s.name for s in rule.slots if s.init.scalar}
        self.small = [s.name for s in rule.slots if not s.init.whole]
        arrays = {rule.param, *(s.name for s in rule.slots)} - set(self.small)
        self.units = units
        self.plan = Scheduler(units, len(phases), rule.param, arrays, set(self.small)).run()
        self.values = Values(units, self.plan, names, self.small, self.scalars)
        self.printer = ArrayPrinter(host, self.values.types)
        self.hosts = {n for n, t in time.types.items() if not t.stage & Stage.ARRAY} - self.values.mixed

    @property
    def keeps(self) -> bool:
        return any(self.values.keeps(p) for p in range(len(self.plan.passes)))

    def lines(self, phase: int, early: list[str] | None) -> list[str]:
        """`early` takes the lines that can stand in front of the loop over parameters, where there is such a place."""
        self.host.arrays = self.printer
        hoisted: dict[str, str] = {}
        names, values = self.names, self.values
        lines = [f'{names[n]} = kept["{names[n]}"]' for n in values.kept(phase)]
        for n in values.loads(phase):
            text = names.slot(n)
            lines.append(f"{names[n]} = float({text})" if n in self.scalars else f"{names[n]} = {text}")
        for k in range(self.plan.passes[phase]):
            for unit in self.plan.wholes.get((phase, k), []):
                lines += self.whole(unit)
            if (phase, k) in self.plan.walks:
                walk = Walk(self.lowered, names, values, self.host, (phase, k), self.plan.walks[phase, k])
                here: list[str] = []
                shared = hoisted, here if early is None else early
                steps = walk.lines(partial(self.hoist, shared, ({}, here)))
                lines += [*here, *steps]
        for total in self.units.totals:
            if total.phase == phase:
                value = named(total.value, total.reads, values)
                lines.append(f"{names[total.name]} += {self.host.text(value)}")
        for n in values.stores(phase):
            lines.append(f"{names.slot(n)}[...] = {names[values[n, self.units.last[n]]]}")
        lines += [f'kept["{names[n]}"] = {names[n]}' for n in values.keeps(phase)]
        return lines

    def hoist(self, shared: Hoisted, own: Hoisted, text: str, node: Expr) -> str:
        """A name for a number that every block needs; `shared` holds those that are the same for all parameters."""
        same = data(node) <= self.hosts and not any(isinstance(n, ir.Dim | ir.Ndim) for n in ir.walk(node))
        known, lines = shared if same else own
        if text not in known:
            lead = next(n.id for n in ir.walk(node) if isinstance(n, Name))
            known[text] = self.names.fresh(f"{lead}_t")
            lines.append(f"{known[text]} = {text}")
        return known[text]

    def whole(self, unit: Unit) -> list[str]:
        """A number or a smaller array, once per parameter."""
        assert isinstance(unit.stmt, Assign)
        ((name, number),) = unit.binds.items()
        new = self.names[self.values[name, number]]
        value = named(unit.stmt.value, unit.reads, self.values)
        if not self.units.types[name, number].dims:
            return [f"{new} = {self.host.text(value)}"]
        if not self.printer.type(value).dims:
            text = self.host.text(value)
            fill = f"{new} = np.full_like({self.names.slot(name)}, {text})"
            return [f"{new}[...] = {text}" if self.values.in_place((name, number)) else fill]
        if self.values.in_place((name, number)):
            return [self.replaced(new, name, value)]
        # A view of a slot would change with it.
        return [f"{new} = {self.printer.copy(value) if shows_other(value) else self.printer.text(value)}"]

    def replaced(self, new: str, name: str, value: Expr) -> str:
        text = self.printer.text
        match value:
            case Call("lerp", (Name(id=old), u, weight)) if old == name:
                change = Binary("*", weight, Binary("-", u, Name(old)))
                return f"{new} += {text(change)}"
            case Binary("+" | "-" | "*" | "/" as op, Name(id=old), other) if old == name:
                return f"{new} {op}= {text(other)}"
        return f"{new}[...] = {text(value)}"
