"""Static branches of a body: what is left of it under given answers, and tests that can be asked in front of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from .. import ir
from ..facts import negation
from ..ir import Assign, Choose, Dim, Expr, For, If, Name, Ndim, Stmt
from ..lower import Subtract
from ..types import Type
from .timeline import Phase, data

Known = Mapping[Expr, bool]
"""Static tests, said of flags and of the parameter's shape alone, with their answers."""


class Branches:
    """Statements with every known test answered; the other tests are said in names that are static from the start."""

    def __init__(
        self, known: Known, static: Mapping[str, Type], param: str, answer: Callable[[Expr], bool | None] | None = None
    ) -> None:
        """`answer` is asked about the tests that are not `known`; it says None where it does not know either."""
        self.param = param
        self.answer = answer
        self.known = {**known, **{negation(test): not holds for test, holds in known.items()}}
        self.static = {n for n, t in static.items() if t.stage.static or t.nullable}
        self.facts: dict[str, Expr] = {}

    def phase(self, phase: Phase) -> Phase:
        totals = tuple((name, self.expr(value)) for name, value in phase.totals)
        return Phase(phase.before, self.body(phase.body), totals)

    def body(self, body: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
        return tuple(s for stmt in body for s in self.stmt(stmt))

    def stmt(self, stmt: Stmt) -> tuple[Stmt, ...]:
        match stmt:
            case Assign(name, value):
                value = self.expr(value)
                self.facts.pop(name, None)
                if self.is_fact(value):
                    self.facts[name] = self.seen(value)
                return () if value == Name(name) else self.spread(replace(stmt, value=value))
            case Subtract():
                return self.spread(replace(stmt, value=self.expr(stmt.value)))
            case If(test, then, otherwise):
                test = self.seen(test)
                if (holds := self.answered(test)) is not None:
                    return self.body(then if holds else otherwise)
                before = dict(self.facts)
                sides = []
                for side in (then, otherwise):
                    self.facts = dict(before)
                    sides.append(self.body(side))
                self.facts = {n: e for n, e in before.items() if n not in ir.assigned((stmt,))}
                return (If(test, *sides, span=stmt.span),)
            case For(count, inner):
                self.facts = {n: e for n, e in self.facts.items() if n not in ir.assigned(inner)}
                return (For(self.expr(count), self.body(inner), span=stmt.span),)
        return (stmt,)

    def spread(self, stmt: Assign | Subtract) -> tuple[Stmt, ...]:
        """A choice between two values as a branch with a statement on either side, which can work in place."""
        value = stmt.value
        if not isinstance(value, Choose) or self.is_fact(value):
            return (stmt,)
        sides = [(replace(stmt, value=v),) for v in (value.then, value.otherwise)]
        return self.stmt(If(value.test, *sides, span=stmt.span))

    def expr(self, node: Any) -> Any:
        node = ir.rebuild(node, self.expr)
        if isinstance(node, Choose):
            test = self.seen(node.test)
            if (holds := self.answered(test)) is not None:
                return node.then if holds else node.otherwise
            return replace(node, test=test)
        return node

    def answered(self, test: Expr) -> bool | None:
        if test in self.known or self.answer is None:
            return self.known.get(test)
        return self.answer(test)

    def seen(self, node: Any) -> Any:
        """`node` with the static names that the body binds replaced by what they stand for."""
        if isinstance(node, Name):
            return self.facts.get(node.id, node)
        return node if isinstance(node, Dim | Ndim) else ir.rebuild(node, self.seen)

    def is_fact(self, value: Expr) -> bool:
        """Whether it can be asked before the first statement: of flags, None and the parameter's own shape."""
        for node in ir.walk(value):
            if isinstance(node, ir.Call | ir.Index | ir.Transpose):
                return False
            if isinstance(node, Dim | Ndim) and node.operand != Name(self.param):
                return False
        return all(n in self.static or n in self.facts for n in data(value))
