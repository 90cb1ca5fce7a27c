"""Give every scalar expression worth computing once a name of its own, in front of the statement that needs it.

A name is `c1`, `c2`, … and its comment is the paper's form: `c1 = -expm1(t * log(beta1))  # 1 - beta1**t`.
"""

from __future__ import annotations

from dataclasses import replace

from . import ir
from .ir import Assert, Assign, Binary, Call, Choose, Expr, For, If, Name, Number, Stmt, When, rebuild
from .lerp import averages
from .naming import fresh
from .scalars import ELEMENTWISE
from .text import expression


class Hoister:
    """One pass over a checked body: moving averages become lerps, scalar subexpressions get names."""

    def __init__(self, rule: ir.Rule, scalars: set[str], taken: set[str]) -> None:
        self.optional = rule.optional
        self.scalars = set(scalars)
        self.taken = taken
        self.named: dict[Expr, str] = {}
        self.named_once: list[str] = []
        self.texts: dict[str, str] = {}

    def block(self, body: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
        out: list[Stmt] = []
        for stmt in body:
            before: list[Stmt] = []
            new = self.stmt(stmt, before, set(ir.assigned((stmt,))) if isinstance(stmt, If | For) else set())
            out += [*before, new]
        return tuple(out)

    def stmt(self, stmt: Stmt, before: list[Stmt], inside: set[str]) -> Stmt:
        """The statement with its scalars named in `before`, but for those that depend on `inside`, bound in here."""
        match stmt:
            case Assign(name, value):
                scalar = self.is_scalar(value)
                if scalar:
                    self.texts[name] = expression(value)
                else:
                    value = averages(value, self.is_scalar)
                    value = self.expr(value, before, inside)
                self.forget(name)
                (self.scalars.add if scalar else self.scalars.discard)(name)
                return replace(stmt, value=value)
            case If(test, then, otherwise):
                if isinstance(stmt, When):
                    test = self.condition(test, before)
                known = dict(self.named)
                sides = []
                for side in (then, otherwise):
                    sides.append(self.inner(side, before, inside))
                    # What is named on one side has no value on the other.
                    here = set(ir.assigned(sides[-1]))
                    self.named = {e: n for e, n in self.named.items() if n not in here}
                self.named = {e: n for e, n in self.named.items() if e in known or not ir.names(e) & inside}
                return replace(stmt, test=test, then=sides[0], otherwise=sides[1])
            case For(_, body):
                for name in ir.assigned(body):
                    self.scalars.discard(name)
                return replace(stmt, body=self.inner(body, before, inside))
        return stmt

    def inner(self, body: tuple[Stmt, ...], before: list[Stmt], inside: set[str]) -> tuple[Stmt, ...]:
        out: list[Stmt] = []
        for stmt in body:
            here: list[Stmt] = []
            new = self.stmt(stmt, here, inside)
            for lead in here:
                free = isinstance(lead, Assign) and not ir.names(lead.value) & (inside | self.optional)
                (before if free else out).append(lead)
            out.append(new)
        return tuple(out)

    def forget(self, name: str) -> None:
        self.named = {e: n for e, n in self.named.items() if name not in ir.names(e)}

    def is_scalar(self, node: Expr) -> bool:
        for part in ir.walk(node):
            match part:
                case Name(id=name) if name not in self.scalars:
                    return False
                case Call(function=name) if name not in ELEMENTWISE:
                    return False
                case Binary("@") | ir.Draw() | ir.Transpose() | ir.Index() | ir.Dim() | ir.Ndim():
                    return False
        return True

    def expr(self, node: Expr, before: list[Stmt], inside: set[str]) -> Expr:
        if self.is_scalar(node):
            return self.name(node, before) if _costly(node) else node
        if isinstance(node, Choose):  # only one side may be meant to be computed
            return node
        if isinstance(node, Call) and node.options:
            return replace(node, args=tuple(self.expr(a, before, inside) for a in node.args))
        return rebuild(node, lambda child: self.expr(child, before, inside))

    def condition(self, test: Expr, before: list[Stmt]) -> Expr:
        """The condition of a real branch under a name that is bound once, whatever the branch binds anew."""
        if test not in self.named:
            name = fresh("due", self.taken)
            self.named[test] = name
            self.texts[name] = expression(test)
            self.scalars.add(name)
            before.append(Assign(name, test, span=test.span))
        return Name(self.named[test], span=test.span)

    def name(self, node: Expr, before: list[Stmt]) -> Expr:
        if node not in self.named:
            name = fresh("c1", self.taken, "c")
            self.named[node] = name
            self.named_once.append(name)
            self.texts[name] = expression(node)
            self.scalars.add(name)
            before.append(Assign(name, node, span=node.span))
        return Name(self.named[node], span=node.span)


def _costly(node: Expr) -> bool:
    """Whether a power or a function call stands in a scalar: arithmetic alone stays where it is read."""
    for part in ir.walk(node):
        if isinstance(part, Call) or (isinstance(part, Binary) and part.op == "**"):
            return bool(ir.names(node))
    # 1 - b2 may have an accurate form of its own (through what b2 stands for), which is worth a name
    return isinstance(node, Binary) and node.op == "-" and node.left == Number(1) and isinstance(node.right, Name)


__all__ = ["Assert", "Hoister"]
