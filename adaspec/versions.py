"""Numbers that are one for the whole model under one name, and numbers of a single parameter under another.

A scalar that is bound anew where arrays decide (under a condition on the shape, in a loop over arrays) is from there on
a number per parameter. It gets a name of its own, so that the old value stays one that can be computed once per step;
and where the scalars of such a loop are needed behind it, they run through a loop of their own.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from . import ir
from .ir import Assign, Expr, For, If, Name, Stmt
from .naming import fresh
from .table import lowered_type, type_table
from .types import Stage, Type, signature


def separated(rule: ir.Rule, body: tuple[Stmt, ...], taken: set[str]) -> tuple[Stmt, ...]:
    return Versions(rule, body, taken).block(body, Stage.STATIC)


class Versions:
    def __init__(self, rule: ir.Rule, body: tuple[Stmt, ...], taken: set[str]) -> None:
        self.rule = rule
        self.taken = taken
        self.types: dict[str, Type] = dict(signature(rule))
        self.current: dict[str, str] = {}
        self.reads = _reads(body)
        self.arrays = {rule.param, rule.grad, *rule.array_inputs, *(s.name for s in rule.slots)}
        self.shared = {s.name for s in rule.shared}

    def block(self, body: tuple[Stmt, ...], inside: Stage) -> tuple[Stmt, ...]:
        """`inside` is what the conditions and loops around the body depend on."""
        return tuple(new for stmt in body for new in self.stmt(stmt, inside))

    def stmt(self, stmt: Stmt, inside: Stage) -> tuple[Stmt, ...]:
        match stmt:
            case Assign(name, value):
                value = self.read(value)
                return (Assign(self.bind(name, self.type(value), inside), value, span=stmt.span),)
            case If():
                return (self.branch(stmt, inside),)
            case For():
                return self.loop(stmt, inside)
        return (self.read(stmt),)

    def read(self, node: Any) -> Any:
        """`node` with each name as it is called now; bindings keep theirs."""

        def change(n: ir.Node) -> ir.Node:
            if isinstance(n, Name):
                return Name(self.current.get(n.id, n.id), span=n.span)
            return ir.rebuild(n, change)

        return change(node)

    def type(self, value: Expr) -> Type:
        return lowered_type(value, self.types)

    def bind(self, name: str, found: Type, inside: Stage) -> str:
        """The name under which this binding goes on: another one where the old holds a number of the other sort."""
        found = _with(found, inside)
        now = self.current.get(name, name)
        old = self.types.get(now)
        number = name not in self.arrays and not found.dims
        if number and old is not None and not old.dims and old.stage.shared != found.stage.shared:
            own = self.types.get(name)
            back = own is not None and own.stage.shared == found.stage.shared
            now = name if back else fresh(f"{name}_each", self.taken)
        self.current[name] = now
        self.types[now] = found
        return now

    def branch(self, stmt: If, inside: Stage) -> If:
        test = self.read(stmt.test)
        inside |= self.type(test).stage & Stage.SHAPE
        before, known = dict(self.current), set(self.types)
        sides, ends, bound = [], [], []
        for side in (stmt.then, stmt.otherwise):
            self.current = dict(before)
            sides.append(self.block(side, inside))
            ends.append(self.current)
            bound.append(known | set(ir.assigned(sides[-1])))
        self.current = dict(before)
        for name in dict.fromkeys([*ends[0], *ends[1]]):
            names = [end.get(name, name) for end in ends]
            joined = names[0]
            if names[0] != names[1]:
                joined = next((n for n in names if n in self.types and not self.types[n].stage.shared), names[0])
                for k, other in enumerate(names):
                    if other != joined and other in bound[k]:
                        sides[k] = (*sides[k], Assign(joined, Name(other), span=stmt.span))
            self.current[name] = joined
        return replace(stmt, test=test, then=sides[0], otherwise=sides[1])

    def loop(self, stmt: For, inside: Stage) -> tuple[Stmt, ...]:
        count = self.read(stmt.count)
        inside |= self.type(count).stage & Stage.SHAPE
        bound = ir.assigned(stmt.body)
        inner = type_table(self.rule, self.renamed(stmt.body, bound), self.types, loops=False)
        shared = [n for n in bound if n not in self.arrays and inner[self.current.get(n, n)].stage.shared]
        if len(shared) == len(bound) and not inside:
            return (For(count, self.block(stmt.body, inside), span=stmt.span),)
        live = [n for n in shared if not inside and (n in self.shared or self.reads[n] > _reads(stmt.body)[n])]
        alone = _slice(self.renamed(stmt.body, bound), {self.current.get(n, n) for n in shared}) if live else ()
        ends = {n: self.current.get(n, n) for n in live}
        copies: list[Stmt] = []
        for name in shared:
            now = self.current.get(name, name)
            if now not in self.types and name not in ir.assigned(alone):
                continue
            new = fresh(f"{name}_each", self.taken)
            self.types[new] = _with(inner[now], Stage.SHAPE)
            if now in self.types:
                copies.append(Assign(new, Name(now), span=stmt.span))
            self.current[name] = new
        body = self.block(stmt.body, inside | Stage.SHAPE)
        for name, now in ends.items():
            self.current[name] = now
            self.types[now] = inner[now]
        return (*copies, For(count, body, span=stmt.span), *([For(count, alone, span=stmt.span)] if alone else []))

    def renamed(self, body: tuple[Stmt, ...], bound: list[str]) -> tuple[Stmt, ...]:
        """The loop's body with names as they are called in front of it, bindings too."""

        def change(node: Any) -> Any:
            if isinstance(node, Name):
                return Name(self.current.get(node.id, node.id), span=node.span)
            node = ir.rebuild(node, change)
            if isinstance(node, Assign):
                return Assign(self.current.get(node.name, node.name), node.value, span=node.span)
            return node

        return tuple(change(s) for s in body)


def _with(found: Type, stage: Stage) -> Type:
    return replace(found, stage=found.stage | stage)


def _reads(body: tuple[Stmt, ...]) -> Counter[str]:
    return Counter(n.id for n in ir.walk(body) if isinstance(n, Name))


def _slice(body: tuple[Stmt, ...], names: set[str]) -> tuple[Stmt, ...]:
    """The statements of a loop that bind these names alone."""
    out: list[Stmt] = []
    for stmt in body:
        match stmt:
            case Assign(name) if name in names:
                out.append(stmt)
            case If(test, then, otherwise):
                sides = _slice(then, names), _slice(otherwise, names)
                if any(sides):
                    out.append(replace(stmt, test=test, then=sides[0], otherwise=sides[1]))
            case For(count, inner):
                if new := _slice(inner, names):
                    out.append(For(count, new, span=stmt.span))
    return tuple(out)
