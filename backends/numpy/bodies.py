"""What each parameter goes through in each phase, as lines: streamed where it can be, under each static branch that matters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adaspec import ir
from adaspec.facts import negation
from adaspec.ir import Assign, Binary, Call, Expr, Name
from adaspec.lower import Lowered
from adaspec.printer import PRECEDENCE
from adaspec.stage import Stage

from .branches import Branches, data
from .dense import Dense
from .naming import Names
from .printers import ArrayPrinter, NumberPrinter
from .scalars import Phase, Timeline
from .schedule import Scheduler
from .units import Builder, Split, Unit, Unstreamable, shows_other
from .values import Values
from .walks import Walk

MOST = 8
"""Static branches that cannot run within a walk double the code each; beyond so many bodies it is one of whole arrays."""


@dataclass(frozen=True)
class Choice:
    test: Expr
    then: Tree
    otherwise: Tree


class Streamed:
    """One body without arrays of the parameter's size."""

    def __init__(self, lowered: Lowered, names: Names, host: NumberPrinter, time: Timeline, phases: list[Phase]) -> None:
        rule = lowered.rule
        self.lowered = lowered
        self.names = names
        self.host = host
        self.time = time
        units = Builder(lowered, time.types, names).run(phases)
        self.scalars = {s.name for s in rule.slots if s.init.scalar}
        self.small = [s.name for s in rule.slots if s.init.scalar or s.init.without is not None]
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
        self.hoisted: dict[str, str] = {}
        names, values = self.names, self.values
        lines = [f'{names[n]} = kept["{names[n]}"]' for n in values.kept(phase)]
        for n in values.loads(phase):
            text = f'slots["{n}"]'
            lines.append(f"{names[n]} = float({text})" if n in self.scalars else f"{names[n]} = {text}")
        for k in range(self.plan.passes[phase]):
            for unit in self.plan.wholes.get((phase, k), []):
                lines += self.whole(unit)
            if (phase, k) in self.plan.walks:
                walk = Walk(self.lowered, names, values, self.host, (phase, k), self.plan.walks[phase, k])
                here: list[str] = []
                steps = walk.lines(lambda text, node: self.hoist(text, node, here if early is None else early))
                lines += [*here, *steps]
        for total in self.units.totals:
            if total.phase == phase:
                value = renamed_values(total.value, total.reads, values)
                lines.append(f"{names[total.name]} += {self.host.text(value)}")
        for n in values.stores(phase):
            lines.append(f'slots["{n}"][...] = {names[values[n, self.units.last[n]]]}')
        lines += [f'kept["{names[n]}"] = {names[n]}' for n in values.keeps(phase)]
        return lines

    def hoist(self, text: str, node: Expr, out: list[str]) -> str:
        """A name, made in front of the loops, for a number that is the same for every block; the text if it differs."""
        if not data(node) <= self.hosts:
            return text
        if text not in self.hoisted:
            lead = next(n.id for n in ir.walk(node) if isinstance(n, Name))
            self.hoisted[text] = self.names.fresh(f"{lead}_t")
            out.append(f"{self.hoisted[text]} = {text}")
        return self.hoisted[text]

    def whole(self, unit: Unit) -> list[str]:
        """A number or a smaller array, once per parameter."""
        assert isinstance(unit.stmt, Assign)
        ((name, number),) = unit.binds.items()
        new = self.names[self.values[name, number]]
        value = renamed_values(unit.stmt.value, unit.reads, self.values)
        if not self.units.types[name, number].dims:
            return [f"{new} = {self.host.text(value)}"]
        if not self.printer.type(value).dims:
            text = self.host.text(value)
            fill = f'{new} = np.full_like(slots["{name}"], {text})'
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
                return f"{new} {op}= {text(other, PRECEDENCE['choose'])}"
        return f"{new}[...] = {text(value)}"


class Whole:
    """A body of whole-array expressions; `why` says what needs them."""

    def __init__(
        self, lowered: Lowered, names: Names, host: NumberPrinter, time: Timeline, phases: list[Phase], why: str
    ) -> None:
        self.why = why
        self.dense = Dense(lowered, names, host, time, phases)
        self.keeps = self.dense.keeps

    def lines(self, phase: int, early: list[str] | None) -> list[str]:
        return self.dense.phase(phase)


Tree = Choice | Streamed | Whole


class Bodies:
    """The tree of bodies of a rule."""

    def __init__(self, lowered: Lowered, names: Names, host: NumberPrinter, time: Timeline) -> None:
        self.lowered = lowered
        self.names = names
        self.host = host
        self.time = time
        self.count = 1
        self.tree = self.grown({})
        leaves = list(_leaves(self.tree))
        if len(leaves) > 1 and all(isinstance(leaf, Whole) for leaf in leaves):
            self.tree = leaves[0]
            self.tree = self.whole(time.phases, leaves[0].why)  # type: ignore[union-attr]

    def grown(self, known: Mapping[Expr, bool]) -> Tree:
        phases = [self.under(known, p) for p in self.branches(known)]
        try:
            return Streamed(self.lowered, self.names.copy(), self.host, self.time, phases)
        except Unstreamable as error:
            return self.whole(phases if known else self.time.phases, str(error))
        except Split as split:
            self.count += 1
            if self.count > MOST:
                return self.whole(self.time.phases, "so many branches")
            test = split.test
            return Choice(test, self.grown({**known, test: True}), self.grown({**known, test: False}))

    def branches(self, known: Mapping[Expr, bool]):
        seen = Branches(known, self.time.types, self.lowered.rule.param)
        return [(seen, phase) for phase in self.time.phases]

    def under(self, known: Mapping[Expr, bool], pair) -> Phase:
        seen, phase = pair
        return Phase(phase.before, seen.body(phase.body), tuple((n, seen.expr(v)) for n, v in phase.totals))

    def whole(self, phases: list[Phase], why: str) -> Whole:
        return Whole(self.lowered, self.names.copy(), self.host, self.time, phases, why)

    @property
    def streams(self) -> bool:
        return any(isinstance(leaf, Streamed) and leaf.plan.walks for leaf in _leaves(self.tree))

    @property
    def whole_arrays(self) -> str:
        """What needs arrays of the parameter's size; empty if nothing does."""
        return next((leaf.why for leaf in _leaves(self.tree) if isinstance(leaf, Whole)), "")

    @property
    def keeps(self) -> bool:
        return any(leaf.keeps for leaf in _leaves(self.tree))

    def lines(self, phase: int, early: list[str]) -> list[str]:
        """One phase for one parameter; lines that can stand in front of the loop over parameters go to `early`."""
        return self.tree.lines(phase, early) if not isinstance(self.tree, Choice) else self.choice(self.tree, phase)

    def choice(self, tree: Choice, phase: int) -> list[str]:
        sides = [self.choice(t, phase) if isinstance(t, Choice) else t.lines(phase, None) for t in (tree.then, tree.otherwise)]
        test = tree.test
        if sides[0] == sides[1]:
            return sides[0]
        if not sides[0]:
            sides, test = sides[::-1], negation(test)
        lines = [f"if {self.host.text(test)}:", *(f"    {line}" for line in sides[0])]
        return lines + (["else:", *(f"    {line}" for line in sides[1])] if sides[1] else [])


def _leaves(tree: Tree) -> list[Streamed | Whole]:
    return _leaves(tree.then) + _leaves(tree.otherwise) if isinstance(tree, Choice) else [tree]


def renamed_values(node, reads: Mapping[str, int], values: Values):
    if isinstance(node, Name):
        new = values[node.id, reads[node.id]] if node.id in reads else node.id
        return Name(new) if new != node.id else node
    return node if isinstance(node, ir.Dim | ir.Ndim) else ir.rebuild(node, lambda n: renamed_values(n, reads, values))
