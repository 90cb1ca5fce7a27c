"""A rule that calls rules of the library, written out: what comes out calls nothing but helpers.

Value semantics make a rule a plain function, so its call is its body: the slots and shared scalars of the called rule
join under its name (`radam_m`), its hyperparameters join the signature unless the call gives them, its helpers and
schedules join the file. Every later pass, the hash and the canonical text see the result alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from . import ir, shelf
from .chain import chain, title
from .errors import NO_PATH, SpecError, suggest
from .inline import Inliner
from .ir import Assign, Call, Expr, For, If, Name, Return, Stmt, Unpack
from .joining import Joiner
from .parse import parse_rule
from .vocabulary import WORDS

MAX_NESTED = 5


def composed(rule: ir.Rule, stack: tuple[str, ...] = ()) -> ir.Rule:
    """`rule` with every rule that it calls written out; a wrapper is written out around what it wraps by itself."""
    inner = prefix = None
    if rule.inner is not None:
        names = chain(rule.inner.default, rule.inner)
        inner, prefix = _chained(names, rule.inner, (*stack, rule.name)), names[0]
    return Composer(rule, inner, prefix, stack).rule_out()


def wrapped(rule: ir.Rule, inner: ir.Rule, prefix: str, at: ir.Node | None = None) -> ir.Rule:
    """The wrapper `rule` around the flat rule `inner`, whose slots join under `prefix`; the name says both."""
    if rule.inner is None:
        what = f"'{rule.name}' is no wrapper: no rule stands in its brackets"
        raise SpecError(what, at or rule, "`adaspec list` tells the wrappers")
    flat = Composer(rule, inner, prefix, ()).rule_out()
    return replace(flat, name=f"{rule.name}_{inner.name}", doc=title(rule, inner), dialects=())


def wrappers() -> list[str]:
    """The wrappers of the library, in alphabetical order."""
    # What is declared `Rule` says so: the other files have not to be read further.
    return [name for name in sorted(shelf.files()) if b"Rule" in shelf.read(name) and raw(name).inner is not None]


@cache
def raw(name: str) -> ir.Rule:
    """A rule of the library as its file says it."""
    return parse_rule(shelf.read(name), f"{name}.py")


def _chained(names: tuple[str, ...], at: ir.Node, stack: tuple[str, ...]) -> ir.Rule:
    """The flat rule of a chain of library names, such as ("cautious", "adamw")."""
    *heads, last = names
    unknown = next((n for n in names if n not in shelf.files()), None)
    if unknown is not None:
        raise SpecError(f"no rule named '{unknown}' in the library", at, suggest(unknown, shelf.files()))
    rule, prefix = _called(last, at, stack), last
    for name in reversed(heads):
        rule, prefix = wrapped(raw(name), rule, prefix, at), name
    return rule


_FLAT: dict[str, ir.Rule] = {}


def _called(name: str, at: ir.Node, stack: tuple[str, ...]) -> ir.Rule:
    """The flat rule of a library name."""
    if name in stack:
        ring = " calls ".join(f"'{n}'" for n in (*stack[stack.index(name) :], name))
        raise SpecError(f"rules that call each other: {ring}", at, "one of them has to be written out")
    if len(stack) >= MAX_NESTED:
        raise SpecError(f"rules that call rules deeper than {MAX_NESTED}", at, "write one of them out")
    if name not in _FLAT:
        try:
            _FLAT[name] = composed(raw(name), stack)
        except SpecError as error:
            if error.path == NO_PATH:
                error.locate(f"{name}.py", shelf.read(name).decode())
            raise
    return _FLAT[name]


class Composer:
    """One composition: finds the calls, and puts the body of what is called in their place."""

    def __init__(self, rule: ir.Rule, inner: ir.Rule | None, prefix: str | None, stack: tuple[str, ...]) -> None:
        self.rule = rule
        self.inner = inner
        self.prefix = prefix
        self.stack = (*stack, rule.name)
        self.functions = {f.name for f in rule.functions}
        self.joiner = Joiner(rule)
        self.values = frozenset(self.joiner.bound)

    def rule_out(self) -> ir.Rule:
        rule = self.rule
        calls = [n for n in ir.walk(rule.body) if isinstance(n, Call) and self.callee(n.function)]
        if rule.inner is not None:
            self.check_inner(rule.inner, calls)
        if not calls:
            return rule
        self.check_return()
        body = self.block(rule.body[:-1])
        return self.joiner.joined((*body, rule.body[-1]))

    def check_inner(self, inner: ir.Inner, calls: list[Call]) -> None:
        for node in ir.walk(self.rule.body):
            if isinstance(node, Assign) and node.name == inner.name:
                raise SpecError(f"'{inner.name}' is the rule that is wrapped: it cannot be bound", node, "rename this")
            if isinstance(node, Name) and node.id == inner.name:
                hint = f"call it: x = {inner.name}(x, g, t)"
                raise SpecError(f"'{inner.name}' is a rule, not a value", node, hint)
        if not any(call.function == inner.name for call in calls):
            hint = f"x = {inner.name}(x, g, t)"
            raise SpecError(f"the wrapper '{self.rule.name}' never calls '{inner.name}'", inner, hint)

    def check_return(self) -> None:
        """The `return` names the caller's own state; that of the called rules joins it."""
        rule = self.rule
        wanted = (rule.param, *rule.state_names)
        last = rule.body[-1] if rule.body else rule
        given = tuple(v.id if isinstance(v, Name) else "…" for v in last.values) if isinstance(last, Return) else ()
        if given != wanted:
            what = f"'{rule.name}' must return {', '.join(wanted)}: its own state, by name, in the order it is declared"
            raise SpecError(what, last, f"end it with `return {', '.join(wanted)}`")

    def callee(self, name: str) -> bool:
        """Whether a call of `name` is one of a rule: the caller's own functions and the vocabulary come first."""
        if self.rule.inner is not None and name == self.rule.inner.name:
            return True
        own = name in self.functions or name in WORDS or name == self.rule.name or name in self.values
        return not own and name in shelf.files()

    def block(self, body: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
        return tuple(new for stmt in body for new in self.stmt(stmt))

    def stmt(self, stmt: Stmt) -> Iterator[Stmt]:
        match stmt:
            case Assign(name, Call(function=called) as call) if self.callee(called):
                before: list[Stmt] = []
                call = ir.rebuild(call, lambda child: self.hoisted(child, before))
                yield from (*before, *self.call(call, name))
            case Assign(value=value) | Unpack(value=value):
                before = []
                new = self.hoisted(value, before)
                yield from (*before, replace(stmt, value=new))
            case If(test, then, otherwise):
                self.refuse(test)
                yield replace(stmt, then=self.block(then), otherwise=self.block(otherwise))
            case For(body=body):
                yield replace(stmt, body=self.block(body))
            case _:
                self.refuse(stmt)
                yield stmt

    def refuse(self, node: ir.Node) -> None:
        for inner in ir.walk(node):
            if isinstance(inner, Call) and self.callee(inner.function):
                raise SpecError(
                    "a rule is called in an assignment of the rule's body",
                    inner,
                    "bind it first, in an `if` where there is a choice",
                )

    def hoisted(self, node: Expr, before: list[Stmt]) -> Expr:
        """`node` with the names of results in place of calls, whose statements are added to `before`."""
        if isinstance(node, ir.Choose):
            self.refuse(node)
            return node
        node = ir.rebuild(node, lambda child: self.hoisted(child, before))
        if isinstance(node, Call) and self.callee(node.function):
            target = self.joiner.local("new", node.function, node)
            before += self.call(node, target)
            return Name(target, span=node.span)
        return node

    def call(self, call: Call, target: str) -> Iterator[Stmt]:
        if self.rule.inner is not None and call.function == self.rule.inner.name:
            assert self.inner is not None and self.prefix is not None
            join = self.joiner.join(call, self.inner, self.prefix, wraps=True)
        else:
            rule = _called(call.function, call, self.stack)
            join = self.joiner.join(call, rule, rule.name, wraps=False)
        yield from Inliner(self.joiner, join, call, target).statements()
        if self.leaves(call, target):
            self.joiner.show(join, call)

    def leaves(self, call: Call, target: str) -> bool:
        """Whether the parameter is what this call makes of it: nothing binds it afterwards."""
        bound = [n for n in ir.walk(self.rule.body) if isinstance(n, Assign) and n.name == self.rule.param]
        return target == self.rule.param and bound[-1].value == call


__all__ = ["composed", "raw", "wrapped", "wrappers"]
