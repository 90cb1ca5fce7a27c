"""When each scalar is computed: once per step in front of a phase's loops, or once per count of updates within them.

Every binding becomes a value with a name of its own (`lr`, then `lr_new`), so a statement can stand wherever its value
is needed. What depends on t follows each parameter's own count of updates; the Shareds, and what they are made of,
follow the optimizer's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .. import domains, ir
from ..frozen import frozen
from ..ir import Assign, Dim, Expr, For, If, Name, Ndim, Number, Stmt
from ..lower import Lowered, lowered_type
from ..types import Type, joined, signature
from .names import Names


@frozen
class Phase:
    """`before`: scalars that are computed once per step; then `body`, once per parameter, and the totals over them all.

    Body and totals read each scalar under the name of the value that they mean.
    """

    before: tuple[Stmt, ...]
    body: tuple[Stmt, ...]
    totals: tuple[tuple[str, Expr], ...]


@dataclass
class Timeline:
    """The phases; `late`: the scalars that follow a parameter's own count of updates, each with its statements."""

    phases: list[Phase] = field(default_factory=list)
    late: dict[str, tuple[Stmt, ...]] = field(default_factory=dict)
    shared: dict[str, str] = field(default_factory=dict)
    types: dict[str, Type] = field(default_factory=dict)
    intervals: domains.Intervals = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)

    def needed(self, wanted: Iterable[str]) -> tuple[Stmt, ...]:
        """The statements of the late scalars that `wanted` holds or leads to, in order."""
        found = set(wanted)
        for name, stmts in reversed(self.late.items()):
            if name in found:
                found |= ir.names(stmts)
        groups = {id(stmts): stmts for name, stmts in self.late.items() if name in found}
        return tuple(stmt for stmts in groups.values() for stmt in stmts)


def timeline(lowered: Lowered, names: Names) -> Timeline:
    return Timer(lowered, names).run()


class Timer:
    def __init__(self, lowered: Lowered, names: Names) -> None:
        rule = lowered.rule
        self.lowered = lowered
        self.names = names
        self.out = Timeline(types=signature(rule), intervals=dict(lowered.intervals))
        self.cells = set(rule.numbers)
        self.own: dict[str, str] = {n: n for n in self.cells}
        """How a parameter's own statements call each scalar."""
        self.model: dict[str, str] = dict(self.own)
        """How those of the Shareds do: with the optimizer's count of updates."""
        self.shared = {s.name for s in rule.shared} | set(lowered.shared_values.values())
        self.units = [[u for stmt in p.scalars for u in apart(stmt, self.shared)] for p in lowered.phases]
        self.whole = {id(stmt) for p in lowered.phases for stmt in p.scalars}
        count = Counter(s.name for s in ir.walk(lowered.spec.checked) if isinstance(s, Assign))
        self.often = {n for n, times in count.items() if times > 1}

    def run(self) -> Timeline:
        wanted = self.wanted_by_the_model()
        for phase, units in zip(self.lowered.phases, self.units, strict=True):
            before: list[Stmt] = []
            for unit in units:
                self.place(unit, before, wanted)
            for total in phase.totals:
                self.out.types[total.name] = self.lowered.types[total.name]
                self.own[total.name] = self.model[total.name] = total.name
            body = tuple(renamed(s, self.own) for s in phase.body)
            totals = tuple((t.name, renamed(t.value, self.own)) for t in phase.totals)
            self.out.phases.append(Phase(tuple(before), body, totals))
        self.out.shared = {s: self.model[last] for s, last in self.lowered.shared_values.items()}
        return self.out

    def wanted_by_the_model(self) -> set[int]:
        """The statements, by identity, that lead to the new values of the Shareds."""
        needed = set(self.shared)
        found = set()
        for units in reversed(self.units):
            for unit in reversed(units):
                if needed & set(ir.assigned((unit,))):
                    found.add(id(unit))
                    needed |= ir.names(unit)
        return found

    def place(self, unit: Stmt, before: list[Stmt], wanted: set[int]) -> None:
        bound = ir.assigned((unit,))
        if self.shared & set(bound):
            old = dict(self.own)
            self.own |= self.bind(before, unit, self.model, "_new")
            others = set(bound) - self.shared
            if others and self.is_late({old.get(n, n) for n in ir.names(unit)}):  # a loop, see `apart`
                self.delay(unit, old, others)
            return
        old = bound if partial(unit) else []
        reads = {self.own.get(n, n) for n in [*ir.names(unit), *old]}
        if not self.is_late(reads):
            self.model |= self.bind(before, unit, self.own, "_new")
            return
        if id(unit) in wanted:
            self.bind(before, unit, self.model, "_new")
        self.delay(unit, dict(self.own), set(bound))

    def is_late(self, reads: set[str]) -> bool:
        return bool(reads & (self.out.late.keys() | {self.lowered.rule.step}))

    def delay(self, unit: Stmt, env: dict[str, str], names: set[str]) -> None:
        """Leave the unit to each count of updates, for the values of `names`."""
        late: list[Stmt] = []
        made = {n: new for n, new in self.bind(late, unit, env, "_t").items() if n in names}
        self.out.late |= dict.fromkeys(made.values(), tuple(late))
        self.own |= made

    def cell(self, name: str, suffix: str) -> str:
        """A name for one more value of `name`: its own at first."""
        if name not in self.cells:
            self.cells.add(name)
            return name
        new = self.names.fresh(f"{name}{suffix}")
        self.cells.add(new)
        return new

    def bind(self, out: list[Stmt], unit: Stmt, env: dict[str, str], suffix: str) -> dict[str, str]:
        """Add the unit, its reads as `env` calls them, and let `env` know what it binds and under which names."""
        bound = ir.assigned((unit,))
        old = {n: env[n] for n in bound if n in env}
        made = {n: self.cell(n, suffix) for n in bound}
        stmts: list[Stmt] = []
        if loops(unit):
            stmts = [*(Assign(made[n], Name(o)) for n, o in old.items()), turned(unit, env | made)]
        elif id(unit) not in self.whole and not old:
            # The next part may keep the value of a way on which this one binds nothing.
            stmts = [Assign(made[n], Number(0.0)) for n in bound]
            stmts += followed((unit,), dict(made) | env, made)[0]
        else:
            stmts = [*followed((unit,), env, made)[0]]
        types = self.out.types
        for stmt in (s for s in ir.walk(tuple(stmts)) if isinstance(s, Assign)):
            found = lowered_type(stmt.value, types)
            types[stmt.name] = joined(found.stage, types[stmt.name], found) if stmt.name in types else found
        domains.flow(tuple(stmts), self.out.intervals)
        for name in made.keys() & self.lowered.comments.keys() - self.often:
            self.out.comments[made[name]] = self.lowered.comments[name]
        out += stmts
        env |= made
        return made


def loops(unit: Stmt) -> bool:
    return any(isinstance(s, For) for s in ir.walk(unit))


def partial(unit: Stmt) -> bool:
    """Whether there is a way through the unit that does not bind all that it binds on another."""
    if not isinstance(unit, If):
        return loops(unit)
    sides = [[set(ir.assigned((s,))) for s in side if not partial(s)] for side in (unit.then, unit.otherwise)]
    return loops(unit) or any(set().union(*side) != set(ir.assigned((unit,))) for side in sides)


def apart(stmt: Stmt, shared: set[str]) -> Iterator[Stmt]:
    """The statement; of a branch that binds a Shared among others, each statement in a branch of its own."""
    names = set(ir.assigned((stmt,)))
    if not isinstance(stmt, If) or not names & shared or names <= shared:
        if names:
            yield stmt
        return
    for place, side in enumerate((stmt.then, stmt.otherwise)):
        for inner in side:
            for unit in apart(inner, shared):
                yield replace(stmt, then=() if place else (unit,), otherwise=(unit,) if place else ())


def followed(
    body: tuple[Stmt, ...], env: Mapping[str, str], made: Mapping[str, str]
) -> tuple[tuple[Stmt, ...], dict[str, str]]:
    """The statements under new names, with what each name is called behind them; `made` are the new names."""
    out: list[Stmt] = []
    now = dict(env)
    for stmt in body:
        match stmt:
            case Assign(name, value):
                out.append(Assign(made[name], renamed(value, now), span=stmt.span))
                now[name] = made[name]
            case If(test, then, otherwise):
                sides = [followed(side, now, made) for side in (then, otherwise)]
                bound = dict.fromkeys(ir.assigned((stmt,)))
                bodies = []
                for lines, after in sides:
                    keeps = [Assign(made[n], Name(after[n])) for n in bound if after.get(n, made[n]) != made[n]]
                    bodies.append((*lines, *keeps))
                out.append(If(renamed(test, now), *bodies, span=stmt.span))
                now |= {n: made[n] for n in bound}
    return tuple(out), now


def turned(stmt: Stmt, names: Mapping[str, str]) -> Stmt:
    """A statement of a loop, in which each name is one variable."""
    match stmt:
        case Assign(name, value):
            return Assign(names[name], renamed(value, names), span=stmt.span)
        case If(test, then, otherwise):
            sides = [tuple(turned(s, names) for s in side) for side in (then, otherwise)]
            return If(renamed(test, names), *sides, span=stmt.span)
        case For(count, body):
            return For(renamed(count, names), tuple(turned(s, names) for s in body), span=stmt.span)
    raise TypeError(type(stmt).__name__)


def renamed(node: Any, names: Mapping[str, str]) -> Any:
    """Every read of a name under the name that it has now."""
    if isinstance(node, Name):
        return Name(names[node.id], span=node.span) if names.get(node.id, node.id) != node.id else node
    return ir.rebuild(node, lambda child: renamed(child, names))


def data(node: ir.Node | tuple[ir.Node, ...]) -> set[str]:
    """Every name whose value is read under `node`: to ask for an array's shape does not count."""
    if isinstance(node, tuple):
        return set().union(*map(data, node)) if node else set()
    if isinstance(node, Dim | Ndim):
        return set()
    return {node.id} if isinstance(node, Name) else set().union(*map(data, ir.children(node)))
