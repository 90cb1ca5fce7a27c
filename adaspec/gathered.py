"""A lowered rule with the scalar factors of its array expressions gathered: computed once a step, under names.

`m_hat = m / c1`, `v_hat = v / c2` and `x - lr * m_hat / (sqrt(v_hat) + eps)` become `x - lr_t * m / (sqrt(v) + eps_t)`
with `lr_t = lr * sqrt(c2) / c1` and `eps_t = eps * sqrt(c2)`: of three divisions of arrays one is left. For targets
whose compiler fuses operations, but keeps every division that it is given.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from . import domains, ir
from .branching import settled
from .domains import interval
from .ir import Assign, Binary, Call, Choose, Expr, For, If, Name, Number, Stmt, Unary
from .kinds import FULL, SCALAR, Kinds
from .lower import Lowered, Phase, Subtract
from .naming import fresh
from .scale import Scaler
from .sharing import inlined
from .table import type_table
from .types import Stage, Type


def gathered(lowered: Lowered) -> Lowered:
    """The same rule; where nothing is to be gathered, the same statements."""
    rule = lowered.rule
    totals = {t.name: Type(Stage.SCALAR | Stage.TOTAL) for p in lowered.phases for t in p.totals}
    whole = tuple(s for p in lowered.phases for s in (*p.scalars, *p.body))
    taken = {rule.name, *rule.declared, *totals, *ir.names(whole), *ir.assigned(whole)}
    taken |= {n for v in lowered.views for n in v.bound}
    known = set(rule.declared) - {rule.param, rule.grad, *(s.name for s in rule.slots)} - rule.optional
    phases = []
    for phase in lowered.phases:
        known = settled(phase.scalars, known) - rule.optional
        gatherer = Gatherer(lowered, totals, taken, known - set(ir.assigned(phase.body)))
        phases.append(gatherer.phase(phase))
        known |= {t.name for t in phase.totals}
    if tuple(phases) == lowered.phases:
        return lowered
    whole = tuple(s for p in phases for s in (*p.scalars, *p.body))
    intervals = domains.signature(rule)
    domains.everywhere(whole, intervals)
    types = type_table(rule, whole, totals)
    return replace(lowered, phases=tuple(phases), types=types, intervals=intervals)


class Gatherer(Kinds):
    """One phase. `known` are the scalars that have a value, the same for every array, in front of its body."""

    def __init__(self, lowered: Lowered, totals: dict[str, Type], taken: set[str], known: set[str]) -> None:
        super().__init__(dict(lowered.types) | totals)
        self.rule = lowered.rule
        self.taken = taken
        self.known = known
        self.scaler = Scaler(lambda e: self.kind(e) == SCALAR, self.has_factor, lowered.intervals)
        self.named: dict[Expr, str] = {}

    def phase(self, phase: Phase) -> Phase:
        state = {self.rule.param, *(s.name for s in self.rule.slots)}
        read = {n for t in phase.totals for n in ir.names(t.value)}
        body = self.block(phase.body, state | set(phase.carried) | read, state)
        made = tuple(Assign(name, value) for value, name in self.named.items())
        return replace(phase, scalars=(*phase.scalars, *made), local=(*phase.local, *made), body=body)

    def block(self, body: tuple[Stmt, ...], live: set[str], state: set[str]) -> tuple[Stmt, ...]:
        body = inlined(body, live, self.is_divided, state)
        return tuple(self.stmt(stmt) for stmt in body)

    def is_divided(self, value: Expr) -> bool:
        """Whether a local is an array divided by a number, which goes on to where it is read."""
        return self.kind(value) == FULL and self.is_simple(value) and self.divides(value)

    def divides(self, node: Expr) -> bool:
        """Whether an array is divided by a number that is never 0. No other expression gains enough to be rewritten."""
        return any(
            isinstance(n, Binary) and n.op == "/" and self.kind(n.left) == FULL and self.kind(n.right) == SCALAR
            and not isinstance(n.right, Number) and interval(n.right, self.scaler.env).nonzero
            for n in ir.walk(node)
        )  # fmt: skip

    def stmt(self, stmt: Stmt) -> Stmt:
        match stmt:
            case Assign(_, value) | Subtract(_, value):
                return replace(stmt, value=self.expr(value))
            case If(_, then, otherwise):
                sides = [tuple(self.stmt(s) for s in side) for side in (then, otherwise)]
                return replace(stmt, then=sides[0], otherwise=sides[1])
            case For(_, body):
                return replace(stmt, body=tuple(self.stmt(s) for s in body))
        return stmt

    def expr(self, node: Expr) -> Expr:
        if not self.divides(node):
            return node
        if self.is_elementwise(node):
            return self.spelled(self.scaler.tidy(node))
        return ir.rebuild(node, lambda child: self.expr(child) if isinstance(child, Expr) else child)

    def spelled(self, node: Any) -> Any:
        """What the scaler made in the vocabulary of rules, with scalars in front and the costly ones under names."""
        if not isinstance(node, Expr):
            return node
        if self.kind(node) == SCALAR:
            return self.scalar(node)
        if not self.is_elementwise(node) and not self.has_factor(node):
            return self.expr(node)
        node = ir.rebuild(node, self.spelled)
        match node:
            case Call("square", (a,)):
                return Binary("**", a, Number(2))
            case Call("axpy", (a, b, k)):
                sign, size = signed(k)
                return Binary("+" if sign > 0 else "-", a, self.times(size, b))
            case Binary("*", a, k) if self.kind(k) == SCALAR and self.kind(a) != SCALAR:
                return self.times(k, a)
        return node

    def times(self, k: Expr, a: Expr) -> Expr:
        """`k * a`, where `k` is no array of the parameter's shape: numbers first, for one array operation."""
        match a:
            case Number(1):
                return k
            case Binary("*", b, c) if self.kind(c) != FULL:
                return self.times(self.times(k, c), b)
            case Binary("*" | "/" as op, b, c):
                return Binary(op, self.times(k, b), c)
        return a if k == Number(1) else Binary("*", k, a)

    def scalar(self, node: Expr) -> Expr:
        """A scalar that is worth it under a name of its own; the sign stays outside."""
        sign, size = signed(node)
        if sign < 0 and not isinstance(size, Number) and not _begins_with_number(node):
            return Unary("-", self.scalar(size))
        names = ir.names(node)
        if not names or not names <= self.known or not costly(node):
            return node
        if node not in self.named:
            hypers = [n.id for n in ir.walk(node) if isinstance(n, Name) and self.rule.hyper(n.id)]
            lead = f"{hypers[0]}_t" if hypers else "k1"
            self.named[node] = fresh(lead, self.taken, None if hypers else "k")
            self.types[self.named[node]] = Type(Stage.SCALAR)
        return Name(self.named[node])


def signed(k: Expr) -> tuple[int, Expr]:
    """A scalar as sign and size, where the sign can be seen."""
    match k:
        case Number(n) if n < 0:
            return -1, Number(-n)
        case Unary("-", operand):
            return -1, operand
        case Binary("*" | "/" as op, left, right):
            sign, size = signed(left)
            return sign, Binary(op, size, right)
    return 1, k


def _begins_with_number(node: Expr) -> bool:
    while isinstance(node, Binary):
        node = node.left
    return isinstance(node, Number)


def costly(node: Expr) -> bool:
    """Whether more is to be computed than a product or a difference of hyperparameters."""
    return any(isinstance(n, Call | Choose) or (isinstance(n, Binary) and n.op in ("/", "**")) for n in ir.walk(node))
