"""The body of a called rule in the caller's names.

The parameter that the call is given is updated under the name that the call is bound to; the gradient, and every
hyperparameter that is more than a name, get a local where they need one. All spans are the call's: an error in the body
of a library rule is an error of how it is called.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from . import ir
from .errors import SpecError
from .fold import folded, none_fact
from .ir import (
    Assert,
    Assign,
    Call,
    Choose,
    Compare,
    Constant,
    Dim,
    Expr,
    For,
    If,
    Logical,
    Name,
    Ndim,
    Number,
    Stmt,
    Unpack,
)
from .joining import Join, Joiner


class Inliner:
    """One call. `scope` says what stands for each name of the callee; `waiting` those that still are an argument."""

    def __init__(self, joiner: Joiner, join: Join, call: Call, target: str) -> None:
        self.joiner = joiner
        self.join = join
        self.call = call
        self.target = target
        self.caller = joiner.rule
        self.callee = join.rule
        self.scope: dict[str, Expr] = {old: Name(new) for old, new in join.names.items()}
        self.waiting: dict[str, str] = {}

    def statements(self) -> Iterator[Stmt]:
        rebound = set(ir.assigned(self.callee.body))
        x, g, *t = self.call.args
        values = {self.callee.grad: g} | ({self.callee.step: t[0]} if self.callee.step and t else {}) | self.join.hypers
        for name, value in values.items():
            assert name is not None
            held = isinstance(value, Number | Constant) or (isinstance(value, Name) and value.id != self.target)
            if held and (name not in rebound or name == self.callee.grad):
                self.scope[name] = value
            else:
                self.scope[name] = Name(self.local(name))
                yield self.bind(self.local(name), value)
        if self.callee.grad in rebound and self.scope[self.callee.grad] == g and isinstance(g, Name):
            self.waiting[self.callee.grad] = self.local(self.callee.grad)
        if isinstance(x, Name):
            self.scope[self.callee.param] = x
            self.waiting[self.callee.param] = self.target
        else:
            self.scope[self.callee.param] = Name(self.target)
            yield self.bind(self.target, x)
        step = self.scope[self.callee.step] if self.callee.step and t else t[0] if t else Name(str(self.joiner.step))
        for slot in self.join.firsts:
            begins = Compare("==", step, Number(1))
            yield self.bind(slot, Call("where", (begins, self.scope[self.callee.grad], Name(slot))))
        yield from self.block(self.callee.body[:-1], True)
        yield from self.settled({self.callee.param})

    def local(self, name: str) -> str:
        """The caller's name of a local that an argument of the callee needs."""
        if name not in self.join.names:
            self.join.names[name] = self.joiner.local(name, self.join.prefix, self.call)
        return self.join.names[name]

    def bind(self, name: str, value: Expr) -> Assign:
        return Assign(name, replace(value, span=self.call.span), span=self.call.span)

    def settled(self, names: set[str]) -> Iterator[Stmt]:
        """Bind what is an argument still, in front of statements that may bind it on one path alone."""
        for name in sorted(names & self.waiting.keys()):
            target = self.waiting.pop(name)
            if self.scope[name] != Name(target):
                yield self.bind(target, self.scope[name])
                self.scope[name] = Name(target)

    def block(self, body: tuple[Stmt, ...], top: bool = False) -> Iterator[Stmt]:
        for stmt in body:
            yield from self.stmt(stmt, top)

    def stmt(self, stmt: Stmt, top: bool) -> Iterator[Stmt]:
        at = self.call.span
        match stmt:
            case Assign(name, value):
                new = self.expr(value)
                if name in self.waiting:
                    self.scope[name] = Name(self.waiting.pop(name))
                index = None if stmt.index is None else self.expr(stmt.index)
                yield replace(stmt, name=self.bound(name), value=new, index=index, span=at)
            case Unpack():
                new = ir.rebuild(stmt, self.expr)
                yield from self.settled(set(stmt.names))
                names = tuple(name if name == "_" else self.bound(name) for name in stmt.names)
                yield replace(new, names=names, span=at)
            case If(test, then, otherwise):
                test = folded(self.expr(test))
                if isinstance(test, Constant):
                    yield from self.block(then if test.value else otherwise, top)
                    return
                yield from self.settled(set(ir.assigned((stmt,))))
                yield replace(
                    stmt, test=test, then=tuple(self.block(then)), otherwise=tuple(self.block(otherwise)), span=at
                )
            case For(count, body):
                yield from self.settled(set(ir.assigned(body)))
                variable = stmt.variable if stmt.variable == "_" else self.bound(stmt.variable)
                new = self.expr(count)
                yield replace(stmt, count=new, body=tuple(self.block(body)), variable=variable, span=at)
            case Assert(test, message):
                test = folded(self.expr(test))
                if not isinstance(test, Constant):
                    yield replace(stmt, test=test, span=at)
                elif not test.value:
                    raise SpecError(f"'{self.callee.name}' refuses this call", self.call, message)
            case _:
                raise TypeError(type(stmt).__name__)

    def bound(self, name: str) -> str:
        """The caller's name of what the callee binds."""
        found = self.scope[name]
        assert isinstance(found, Name)
        return found.id

    def expr(self, node: Expr) -> Expr:
        return replace(self._expr(node), span=self.call.span)

    def _expr(self, node: Expr) -> Expr:
        match node:
            case Name(id=name):
                return self.scope.get(name, node)
            case Ndim(Name(name)) | Dim(Name(name)) if name in (self.callee.param, self.callee.grad):
                return replace(node, operand=Name(self.caller.param, span=self.call.span))
            case Compare("is" | "is not", Name(name), Constant(None)):
                value = self.expr(node.left)
                joiner = self.joiner
                own = {d.name for d in (*joiner.own, *joiner.hypers, *joiner.inputs) if d.optional}
                never = not isinstance(value, Constant) and not (isinstance(value, Name) and value.id in own)
                return none_fact(replace(node, left=value), never)
            case Choose(test, then, otherwise):
                fact = folded(self.expr(test))
                if isinstance(fact, Constant):
                    return self.expr(then if fact.value else otherwise)
                return replace(node, test=fact, then=self.expr(then), otherwise=self.expr(otherwise))
            case Logical():
                return folded(ir.rebuild(node, self.expr))
            case Call(function=name) if name in self.join.names and self.callee.function(name):
                return replace(ir.rebuild(node, self.expr), function=self.join.names[name])
        return ir.rebuild(node, self.expr)
