"""Makes the units of a body: reductions and smaller arrays are taken out of the expressions that walks compute."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Set
from dataclasses import replace

from .. import ir
from ..errors import SpecError
from ..ir import Assign, Binary, Call, Choose, Dim, Expr, For, If, Index, Name, Ndim, Number, Stmt, Transpose
from ..lower import Lowered, Subtract, lowered_type
from ..types import Type, joined
from ..vocabulary import FUNCTIONS
from .names import Names
from .timeline import Phase, data
from .units import (
    FULL,
    REDUCTIONS,
    SMALL,
    SUM,
    WALK,
    WHOLE,
    Hard,
    Split,
    Sum,
    Unit,
    Units,
    Unstreamable,
    Value,
    is_view,
    kind,
    reduction_name,
)


class Builder:
    """Makes units of the statements of all phases, in order."""

    def __init__(self, lowered: Lowered, types: dict[str, Type], names: Names) -> None:
        rule = lowered.rule
        self.param = rule.param
        self.small = {s.name for s in rule.slots if not s.init.whole}
        self.state = {rule.param, *(s.name for s in rule.slots)}
        self.absent = {n for n, fact in lowered.presence.items() if fact != ir.Constant(True)}
        self.absent |= set(rule.array_inputs) & rule.optional
        """Slots that some parameters do not have, inputs that some steps go without: a walk is given what is there."""
        self.names = names
        self.types = dict(types)  # of the latest value of each name
        self.now: dict[str, int] = {}
        self.units: list[Unit] = []
        self.values: dict[Value, Type] = {(n, 0): t for n, t in types.items()}
        self.known: dict[tuple[Expr, tuple[tuple[str, int], ...]], Name] = {}
        self.phase = 0
        self.inner: set[str] = set()
        self.closed = False
        self.once: set[str] = set()

    def run(self, phases: Iterable[Phase]) -> Units:
        phases = list(phases)
        totals: list[Sum] = []
        count = Counter(s.name for p in phases for s in ir.walk(p.body) if isinstance(s, Assign | Subtract))
        self.once = {n for n, c in count.items() if c == 1 and n not in self.types}
        for self.phase, phase in enumerate(phases):
            for stmt in phase.body:
                self.stmt(stmt)
            for name, value in phase.totals:
                value = self.small_value(value)
                totals.append(Sum(self.phase, name, value, self.reads(value)))
        return Units(tuple(self.units), self.values, dict(self.now), tuple(totals))

    # Statements

    def stmt(self, stmt: Stmt) -> None:
        match stmt:
            case Assign(name, value):
                self.assign(name, value)
            case Subtract(name, value):
                self.add(WALK, Subtract(name, self.full_value(value)), {name: self.types[name]}, {name})
            case If(test):
                self.test(test)
                self.compound(stmt, Split(test))
            case For():
                self.compound(stmt, Unstreamable("a loop over whole arrays"))

    def assign(self, name: str, value: Expr) -> None:
        found = self.type(value)
        if name in self.state:
            own = self.types[name]
            if found.dims not in ((), own.dims):
                raise Unstreamable("state that changes its shape on the way")
            found = own  # a number fills it
        if kind(found) == FULL:
            self.add(WALK, Assign(name, self.full_value(value)), {name: found})
            return
        new = self.small_value(value, name if name in self.once else "")
        if new != Name(name):  # else a reduction that bears the name already
            self.add(WHOLE, Assign(name, new), {name: found})

    def compound(self, stmt: If | For, otherwise: Exception) -> None:
        """A branch or a loop as one unit of a walk, where it binds arrays of the parameter's shape alone."""
        names = ir.assigned((stmt,)) + [s.name for s in ir.walk(stmt) if isinstance(s, Subtract)]
        before = dict(self.types)
        self.closed, self.inner = True, set(names)
        try:
            new = self.inside(stmt)
        except Hard:
            raise otherwise from None
        finally:
            self.closed, self.inner = False, set()
            types, self.types = self.types, before
        if any(not types[n].is_full or n in self.small for n in names) or self.absent & (data(stmt) | set(names)):
            raise otherwise
        old = {n for n in names if n in before}
        self.add(WALK, new, {n: types[n] for n in names}, old)

    def inside(self, stmt: Stmt) -> Stmt:
        match stmt:
            case Assign(name, value):
                new = Assign(name, self.full_value(value), span=stmt.span)
                if name not in self.state:
                    self.types[name] = self.type(value)
                return new
            case Subtract(name, value):
                return Subtract(name, self.full_value(value), span=stmt.span)
            case If(test, then, otherwise):
                self.test(test)
                before = dict(self.types)
                bodies, types = [], []
                for side in (then, otherwise):
                    self.types = dict(before)
                    bodies.append(tuple(self.inside(s) for s in side))
                    types.append(self.types)
                self.types = types[0] | types[1]
                for name in types[0].keys() & types[1].keys():
                    self.types[name] = joined(types[0][name].stage, types[0][name], types[1][name])
                return replace(stmt, then=bodies[0], otherwise=bodies[1])
            case For(_, body):
                for _ in range(2):  # what a turn binds is of the type that the turn before left
                    new = tuple(self.inside(s) for s in body)
                return replace(stmt, body=new)
        raise Hard

    # Expressions

    def type(self, node: Expr) -> Type:
        try:
            return lowered_type(node, self.types)
        except SpecError:  # a branch of its own gives a name another type than the whole body does
            raise Unstreamable("values whose type a branch changes") from None

    def full_value(self, node: Expr) -> Expr:
        """An expression for the blocks of a walk: its reductions and smaller arrays are computed in front."""
        if isinstance(node, Name | Number):
            kind(self.type(node))
            return node
        if isinstance(node, Call) and node.function in REDUCTIONS:
            found = self.reduction(node)
            return found if isinstance(found, Name) else self.named(found)
        if isinstance(node, Dim | Ndim):
            return self.shape(node)
        self.refuse_matrices(node)
        if kind(self.type(node)) == SMALL:
            new = self.small_value(node)
            return new if is_view(new) else self.named(new)
        if isinstance(node, Transpose | Index) or (isinstance(node, Binary) and node.op == "@"):
            raise Unstreamable("matrix products" if isinstance(node, Binary) else "arrays with other axes")
        return self.rebuilt(node, self.full_value)

    def small_value(self, node: Expr, want: str = "") -> Expr:
        """An expression for numbers and smaller arrays: the reductions of full arrays in it are computed in front."""
        if isinstance(node, Call) and node.function in REDUCTIONS:
            return self.reduction(node, want)
        if isinstance(node, Dim | Ndim):
            return self.shape(node)
        self.refuse_matrices(node)
        if kind(self.type(node)) == FULL:
            raise Unstreamable("matrix products")
        return self.rebuilt(node, self.small_value)

    def refuse_matrices(self, node: Expr) -> None:
        """No block knows what a function of whole matrices makes of its elements."""
        form = FUNCTIONS.get(node.function) if isinstance(node, Call) else None
        if form is not None and form.group in ("matrix", "parts", "order"):
            raise Unstreamable("functions of whole matrices")

    def rebuilt(self, node: Expr, change: Callable[[Expr], Expr]) -> Expr:
        if not isinstance(node, Choose):
            return ir.rebuild(node, change)
        self.test(node.test)
        outer, self.closed = self.closed, True  # what one side needs is not computed for the other
        try:
            return ir.rebuild(node, change)
        except Hard:
            if outer:
                raise
            raise Split(node.test) from None
        finally:
            self.closed = outer

    def reduction(self, node: Call, want: str = "") -> Expr:
        (value,) = node.args
        if kind(self.type(value)) != FULL:
            return replace(node, args=(self.small_value(value),))
        return self.computed(SUM, replace(node, args=(self.full_value(value),)), self.type(node), want)

    def named(self, value: Expr) -> Name:
        """A smaller array or a number under a name of its own."""
        return self.computed(WHOLE, value, self.type(value))

    def computed(self, home: str, value: Expr, t: Type, want: str = "") -> Name:
        if data(value) & self.inner:
            raise Hard
        key = value, tuple(sorted(self.reads(value).items()))
        if key not in self.known:
            name = want or self.names.fresh(reduction_name(value) if home == SUM or not t.dims else "e")
            self.add(home, Assign(name, value), {name: t})
            self.known[key] = Name(name)
        return self.known[key]

    def shape(self, node: Dim | Ndim) -> Expr:
        if node.operand != Name(self.param):
            raise Unstreamable("shapes of arrays that are not the parameter")
        return node

    def test(self, test: Expr) -> None:
        if data(test) & self.now.keys():
            raise Unstreamable("a branch on what the step computes")
        for node in ir.walk(test):
            if isinstance(node, Dim | Ndim):
                self.shape(node)

    # Values

    def reads(self, node: ir.Node) -> dict[str, int]:
        return {n: self.now.get(n, 0) for n in sorted(data(node)) if n in self.types}

    def add(self, home: str, stmt: Stmt, types: dict[str, Type], old: Set[str] = frozenset()) -> None:
        """`old`: names whose value from before the statement enters what it binds."""
        if self.closed:
            raise Hard
        reads = self.reads(stmt) | {n: self.now.get(n, 0) for n in sorted(old)}
        binds = {}
        for name, t in types.items():
            binds[name] = self.now[name] = self.now.get(name, 0) + 1
            self.values[name, binds[name]] = self.types[name] = t
        self.units.append(Unit(len(self.units), self.phase, home, stmt, reads, binds))
