"""Split a body at its totals, and part scalar statements from those that run once per parameter.

Within a phase every scalar statement comes first; where that would show a statement a scalar that is bound only after
it, the later binding gets a name of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from . import ir
from .branching import settled
from .frozen import frozen
from .ir import Assign, Call, Expr, If, Name, Stmt, When, rebuild
from .naming import fresh
from .table import bound
from .tidy import Subtract
from .types import Stage, Type


@frozen
class Total:
    """At the end of a phase: `name` becomes the sum over the model of `value`, a 0-d number per parameter."""

    name: str
    value: Expr


@frozen
class Phase:
    """Scalar statements once per step, then the body once per parameter, then the totals over all parameters.

    `model` are those of `scalars` that the Shareds need: run once with the optimizer's step. `local` are those that do
    not bind a Shared: where parameters have steps of their own, run once for each distinct step. `carried` are the
    names (neither the parameter's, nor slots, nor scalars) that later phases read of this phase's body.
    """

    scalars: tuple[Stmt, ...]
    body: tuple[Stmt, ...]
    totals: tuple[Total, ...] = ()
    model: tuple[Stmt, ...] = ()
    local: tuple[Stmt, ...] = ()
    carried: tuple[str, ...] = ()


def split(
    rule: ir.Rule, body: tuple[Stmt, ...], types: Mapping[str, Type], taken: set[str]
) -> tuple[tuple[Phase, ...], dict[str, str]]:
    splitter = Splitter(rule, types, taken)
    splitter.block(body)
    return splitter.phases(), splitter.renamed


class Splitter:
    """`outer` is the splitter of the body around a branch, whose first level is the one that `outer` has reached."""

    def __init__(
        self, rule: ir.Rule, types: Mapping[str, Type], taken: set[str], outer: Splitter | None = None
    ) -> None:
        self.rule = rule
        self.types = types
        self.taken = taken
        self.outer = outer
        self.level = 0
        # All that the body around a branch has bound so far is known from the start.
        self.bound_at: dict[str, int] = dict.fromkeys(outer.bound_at, 0) if outer else {}
        self.scalars: list[list[Stmt]] = [[]]
        self.bodies: list[list[Stmt]] = [[]]
        self.totals: list[list[Total]] = [[]]
        self.renamed: dict[str, str] = dict(outer.renamed) if outer else {}
        self.shared = {s.name for s in rule.shared}
        self.known = {*self.shared, *(h.name for h in rule.hypers), *rule.scalar_inputs}

    def block(self, body: tuple[Stmt, ...]) -> None:
        for stmt in body:
            self.place(_renamed(stmt, self.renamed))

    def place(self, stmt: Stmt) -> None:
        if isinstance(stmt, If) and self.is_global(stmt):
            self.branch(stmt)
            return
        if isinstance(stmt, Assign | Subtract):
            stmt = replace(stmt, value=self.without_totals(stmt.value, stmt.name))
        self.put(stmt)

    def put(self, stmt: Stmt) -> None:
        scalar = self.is_scalar(stmt)
        if scalar:
            for name in bound((stmt,)):
                if not self.seen_before(name):
                    continue
                new = fresh(f"{name}_new", self.taken)
                if isinstance(stmt, Assign):
                    stmt = replace(stmt, name=new)
                else:  # a loop, which begins with the old value
                    if name in self.known or name in self.bound_at:
                        self.append(self.scalars, Assign(new, Name(name), span=stmt.span))
                    stmt = _renamed(stmt, {name: new})
                self.rename(name, new)
        self.append(self.scalars if scalar else self.bodies, stmt)

    def append(self, levels: list[list[Stmt]], stmt: Stmt) -> None:
        levels[self.level].append(stmt)
        self.bound_at |= dict.fromkeys(bound((stmt,)), self.level)

    def rename(self, name: str, new: str) -> None:
        """Henceforth `new` is meant where a statement says `name`, or what it was called until now."""
        self.renamed = {old: new if now == name else now for old, now in self.renamed.items()} | {name: new}

    def seen_before(self, name: str) -> bool:
        """Whether an earlier statement means the old value and may run after this binding all the same.

        The body does, since scalars move in front of it; so do scalars beside a Shared, which is bound once for the
        model before the scalars of each parameter's own step are computed.
        """
        shared = {self.renamed.get(n, n) for n in self.shared} | self.shared
        beside = [s for s in self.scalars[self.level] if not set(bound((s,))) & shared] if name in shared else []
        if any(name in ir.names(s) for s in (*self.bodies[self.level], *beside)):
            return True
        return self.level == 0 and self.outer is not None and self.outer.seen_before(name)

    def branch(self, stmt: If) -> None:
        """An `if` on flags may hold totals: each side is split by itself, and the sides joined phase by phase."""
        sides = []
        for body in (stmt.then, stmt.otherwise):
            inner = Splitter(self.rule, self.types, self.taken, self)
            inner.block(body)
            sides.append(inner)
        self.join(sides)
        if isinstance(stmt, When):
            self.begin(stmt, sides)
        depth = max(len(s.bodies) for s in sides)
        for k in range(depth):
            if k:
                self.next_level()
            for kind in ("scalars", "bodies"):
                parts = [tuple(getattr(s, kind)[k]) if k < len(getattr(s, kind)) else () for s in sides]
                if any(parts):
                    self.append(getattr(self, kind), replace(stmt, then=parts[0], otherwise=parts[1]))
            for side, holds in zip(sides, (True, False), strict=True):
                for total in side.totals[k] if k < len(side.totals) else ():
                    part = fresh(f"{total.name}_part", self.taken)
                    zero = (Assign(part, ir.Number(0.0)),)
                    value = (Assign(part, total.value),)
                    parts = (value, zero) if holds else (zero, value)
                    self.append(self.bodies, If(stmt.test, *parts, span=stmt.span))
                    self.totals[self.level].append(Total(total.name, Name(part)))
                    self.bound_at[total.name] = self.level + 1

    def begin(self, stmt: When, sides: list[Splitter]) -> None:
        """Values in front of a real branch for the scalars of one of its sides that the body on that side reads.

        Scalars and body part ways, and where a side is a function of its own its names are no one else's. No side holds
        a total, so that each has one level.
        """
        parts = [tuple(side.scalars[0]) for side in sides]
        read = set().union(*(ir.names(tuple(side.bodies[0])) for side in sides))
        known = self.valued()
        both = settled((replace(stmt, then=parts[0], otherwise=parts[1]),), known)
        for name in bound((*parts[0], *parts[1])):
            if name in read and name not in known and name not in both:
                truth = name in self.types and self.types[name].truth
                self.append(self.scalars, Assign(name, ir.Constant(False) if truth else ir.Number(0.0)))

    def valued(self) -> set[str]:
        """The scalars that have a value here, whichever way has been taken."""
        known = set(self.known) | {self.rule.step or self.rule.param}
        known |= {t.name for totals in self.totals for t in totals}
        known |= self.outer.valued() if self.outer else set()
        return settled([s for level in self.scalars for s in level], known)

    def join(self, sides: list[Splitter]) -> None:
        """A scalar that has a new name at the end of one side has it at the end of both."""
        renamed = dict(self.renamed)
        for name in dict.fromkeys([*sides[0].renamed, *sides[1].renamed]):
            ends = [side.renamed.get(name, name) for side in sides]
            before = self.renamed.get(name, name)
            if ends[0] == ends[1] == before:
                continue
            new = next(end for end in ends if end != before)
            renamed[name] = new
            for side, end in zip(sides, ends, strict=True):
                if end != new and (end in self.known or end in side.bound_at):
                    # As late as its value is known; the first level is behind all that stands in front of the branch.
                    level = side.bound_at.get(end, 0)
                    side.scalars[level].append(Assign(new, Name(end)))
                    side.bound_at[new] = level
        self.renamed = renamed

    def without_totals(self, value: Expr, target: str) -> Expr:
        """`value` with each total read by name, after moving to the phase behind the one that sums it."""
        found = list(_outermost(value))
        if not found:
            return value
        names: dict[int, Name] = {}
        last = 0
        for node in found:
            argument = self.without_totals(node.args[0], target)
            name = fresh(f"{target}_total", self.taken)
            # As early as what it sums is known: totals that can share a pass over the model do.
            level = max((self.bound_at.get(n, 0) for n in ir.names(argument)), default=0)
            self.totals[level].append(Total(name, argument))
            self.bound_at[name] = level + 1
            names[id(node)] = Name(name, span=node.span)
            last = max(last, level + 1)
        while self.level < last:
            self.next_level()

        def swap(node: Expr) -> Expr:
            return names[id(node)] if id(node) in names else rebuild(node, swap)

        return swap(value)

    def next_level(self) -> None:
        self.level += 1
        if self.level == len(self.bodies):
            self.scalars.append([])
            self.bodies.append([])
            self.totals.append([])

    def is_scalar(self, stmt: Stmt) -> bool:
        """Whether every name that the statement reads or binds is one value for the whole model."""
        found = [self.types[n] for n in [*ir.values_read(stmt), *bound((stmt,))] if n in self.types]
        shapes = any(isinstance(n, ir.Dim | ir.Ndim) for n in ir.walk(stmt))
        return not shapes and all(t.stage.shared for t in found)

    def is_global(self, stmt: If) -> bool:
        shapes = any(isinstance(n, ir.Dim | ir.Ndim) for n in ir.walk(stmt.test))
        reads = [self.types[n] for n in ir.names(stmt.test) if n in self.types]
        return not shapes and all(not t.stage & Stage.SHAPE for t in reads)

    def phases(self) -> tuple[Phase, ...]:
        out: list[Phase] = []
        shared = {self.renamed.get(s.name, s.name) for s in self.rule.shared}
        arrays = {self.rule.param, self.rule.grad, *(s.name for s in self.rule.slots)}
        needed: set[str] = set()
        levels = list(zip(self.scalars, self.bodies, self.totals, strict=True))
        models: list[tuple[Stmt, ...]] = []
        for scalars, _, _ in reversed(levels):
            model = []
            for stmt in reversed(scalars):
                if set(ir.assigned((stmt,))) & (shared | needed):
                    model.append(stmt)
                    needed |= ir.names(stmt)
            models.insert(0, tuple(reversed(model)))
        for k, (scalars, body, totals) in enumerate(levels):
            later: set[str] = set()
            for s, b, t in levels[k + 1 :]:
                later |= ir.names((*s, *b)) | {n for x in t for n in ir.names(x.value)}
            carried = tuple(n for n in ir.assigned(tuple(body)) if n in later and n not in arrays)
            local = tuple(s for s in scalars if not set(ir.assigned((s,))) <= shared)
            out.append(Phase(tuple(scalars), tuple(body), tuple(totals), models[k], local, carried))
        return tuple(out)


def _outermost(node: ir.Node) -> Iterator[Call]:
    """The totals in an expression, but for those inside another."""
    if isinstance(node, Call) and node.function == "total":
        yield node
    else:
        for child in ir.children(node):
            yield from _outermost(child)


def _renamed(stmt: Stmt, names: Mapping[str, str]) -> Stmt:
    """Every read and binding of a renamed scalar, under its new name."""
    if not names:
        return stmt

    def change(node: Any) -> Any:
        if isinstance(node, Name) and node.id in names:
            return Name(names[node.id], span=node.span)
        node = rebuild(node, change)
        return replace(node, name=names[node.name]) if isinstance(node, Assign) and node.name in names else node

    return change(stmt)
