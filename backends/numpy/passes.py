"""Order an elementwise body for streaming: passes over the parameter, split where a reduction must be known.

NumPy walks large arrays in cache-sized blocks, so a statement that needs a norm runs in a later pass than the blocks that
sum it up. A local array that two passes need is computed in both: arithmetic is cheaper than a second trip to memory, and
no temporary of the parameter's size exists.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from adaspec import ir
from adaspec.ir import Assign, Call, Expr, If, Name, Stmt
from adaspec.lower import Lowered, Subtract
from adaspec.phases import Phase

REDUCTIONS = ("sum", "mean", "max", "norm", "rms")


@dataclass(frozen=True)
class Reduction:
    """`name` is `function` over all elements of `value`, summed up block by block."""

    name: str
    function: str
    value: Expr


@dataclass(frozen=True)
class Pass:
    """Numbers first (0-d values per array), then one walk: array statements, and reductions of what they leave."""

    numbers: tuple[Assign, ...]
    arrays: tuple[Stmt, ...]
    reductions: tuple[Reduction, ...]


@dataclass(frozen=True)
class Streamed:
    passes: tuple[Pass, ...]
    totals: tuple[tuple[str, Expr], ...]
    """Per total its name and the number that this parameter adds, known after the last pass."""


def streamable(lowered: Lowered, phase: Phase) -> bool:
    """Whether a body works on full arrays and numbers alone: no axis, no matrix product, no loop, no branch on shapes."""
    types = lowered.types
    for node in ir.walk((*phase.body, *(Assign(t.name, t.value) for t in phase.totals))):
        match node:
            case ir.For() | ir.Transpose() | ir.Index() | ir.Binary("@") | ir.Choose() | ir.Dim() | ir.Ndim():
                return False
            case Call(options=options) if options:
                return False
            case Name(id=name) if name in types and types[name].is_array and not types[name].is_full:
                return False
            case Assign(name) if types[name].is_array and not types[name].is_full:
                return False
    carried = {n for p in lowered.phases for n in p.carried}
    return not carried & (ir.names(phase.body) | {n for t in phase.totals for n in ir.names(t.value)} | set(phase.carried))


class NotStreamable(Exception):
    """A local would have to be kept whole: the body is printed as plain expressions instead."""


class Stream:
    """The levels of one phase's body: level k runs in pass k."""

    def __init__(self, lowered: Lowered, taken: set[str]) -> None:
        self.types = lowered.types
        self.param = lowered.rule.param
        self.lasting = {lowered.rule.param, lowered.rule.grad, *(s.name for s in lowered.rule.slots)}
        self.grad = lowered.rule.grad
        self.taken = taken
        self.level: dict[str, int] = {}
        self.touched: dict[str, int] = {}
        self.defined: dict[str, tuple[int, Stmt]] = {}
        self.written: dict[str, int] = {}
        self.clock = 0
        self.numbers: list[list[Assign]] = [[]]
        self.arrays: list[list[Stmt]] = [[]]
        self.reductions: list[list[Reduction]] = [[]]
        self.known: dict[Expr, Name] = {}

    def run(self, phase: Phase, body: tuple[Stmt, ...]) -> Streamed:
        for stmt in body:
            self.stmt(stmt)
        totals = tuple((t.name, self.reduced(t.value)) for t in phase.totals)
        rows = zip(self.numbers, self.arrays, self.reductions, strict=True)
        return Streamed(tuple(Pass(tuple(n), tuple(a), tuple(r)) for n, a, r in rows), totals)

    def stmt(self, stmt: Stmt) -> None:
        self.clock += 1
        self.known = {e: n for e, n in self.known.items() if not ir.names(e) & _bound(stmt)}
        if isinstance(stmt, If):
            if any(isinstance(n, Call) and n.function in REDUCTIONS for n in ir.walk(stmt)):
                raise NotStreamable
            if any(not self.types[n].is_array for n in _bound(stmt)):
                raise NotStreamable
            self.place(stmt, _bound(stmt))
            return
        assert isinstance(stmt, Assign | Subtract)
        stmt = replace(stmt, value=self.reduced(stmt.value))
        if isinstance(stmt, Assign) and not self.types[stmt.name].is_array:
            # Numbers stand before the walk of their pass: one that a walk still reads is bound in the next.
            at = max(self.ready(stmt.value), self.touched.get(stmt.name, -1) + 1)
            self.grow(at)
            self.numbers[at].append(stmt)
            self.level[stmt.name] = at
            self.written[stmt.name] = self.clock
            return
        self.place(stmt, {stmt.name})

    def place(self, stmt: Stmt, bound: set[str]) -> None:
        reads = ir.names(stmt) | bound
        at = max([self.level.get(n, 0) for n in reads] + [self.touched.get(n, 0) for n in bound], default=0)
        self.grow(at)
        for name in sorted(reads - bound):
            self.again(name, at)
        self.arrays[at].append(stmt)
        for name in reads:
            self.touched[name] = max(self.touched.get(name, 0), at)
        for name in bound:
            self.level[name] = at
            self.defined[name] = (self.clock, stmt)
            self.written[name] = self.clock

    def again(self, name: str, at: int) -> None:
        """Make a local that an earlier pass computed known in pass `at` too."""
        if name in self.lasting or name not in self.defined or self.level[name] == at:
            return
        when, stmt = self.defined[name]
        if isinstance(stmt, If) or any(self.written.get(n, 0) > when for n in ir.names(stmt)):
            raise NotStreamable
        if name in ir.names(stmt):
            raise NotStreamable
        if stmt not in self.arrays[at]:
            for inner in sorted(ir.names(stmt)):
                self.again(inner, at)
            self.arrays[at].append(stmt)

    def ready(self, value: Expr) -> int:
        return max((self.level.get(n, 0) for n in ir.names(value)), default=0)

    def reduced(self, node: Expr) -> Expr:
        if node in self.known:
            return self.known[node]
        if not (isinstance(node, Call) and node.function in REDUCTIONS):
            return ir.rebuild(node, self.reduced)
        inner = self.reduced(node.args[0])
        at = self.ready(inner)
        self.grow(at)
        for name in sorted(ir.names(inner)):
            self.again(name, at)
        name, number = f"{node.function}_{_lead(inner)}", 2
        while name in self.taken:
            name, number = f"{node.function}_{_lead(inner)}{number}", number + 1
        self.taken.add(name)
        self.reductions[at].append(Reduction(name, node.function, inner))
        for read in ir.names(inner):
            self.touched[read] = max(self.touched.get(read, 0), at + 1)
        self.level[name] = at + 1
        self.known[node] = Name(name)
        return self.known[node]

    def grow(self, at: int) -> None:
        while len(self.arrays) <= at:
            for rows in (self.numbers, self.arrays, self.reductions):
                rows.append([])


def _bound(stmt: Stmt) -> set[str]:
    return {n.name for n in ir.walk(stmt) if isinstance(n, Assign | Subtract)}


def _lead(node: Expr) -> str:
    return next((n.id for n in ir.walk(node) if isinstance(n, Name)), "x")
