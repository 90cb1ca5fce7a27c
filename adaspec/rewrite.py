"""Scalar expressions in forms that keep their digits: `1 - b**t` loses them all for b near 1, `-expm1(t*log(b))` none.

The rules are a table of pairs written in the spec language itself; a lower-case letter stands for any scalar
expression. Both sides are the same real function, which a test shows against mpmath. The interpreter and every emitter
read scalars through these forms; expressions that hold array data are left alone.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from . import ir
from .domains import Intervals, arguments, flow, interval
from .domains import signature as intervals_of
from .frozen import frozen
from .ir import Assign, Binary, Expr, Name, Number, Stmt, Unary, rebuild
from .parse import parse_expression
from .scalars import ELEMENTWISE

RULES: tuple[tuple[str, str, str], ...] = (
    # the weight of the new term of an EMA, straight from its formula
    ("1 - (1 - w)", "w", ""),
    # AdaX's kept share: 0 at t = 1 exactly, never negative, never above 1
    ("1 - b / ((1 + b)**t - 1)", "expm1(-(t - 1) * log1p(b)) / expm1(-t * log1p(b))", "b > 0"),
    # Adam's schedule as an EMA of the corrected second moment, and its complement
    ("1 - b * (1 - b**(t - 1)) / (1 - b**t)", "(1 - b) / (1 - b**t)", ""),
    # D-adaptation averages by the root of a decay
    ("1 - sqrt(b)", "(1 - b) / (1 + sqrt(b))", "b >= 0"),
    ("c / ((1 + b)**t - 1)", "c * exp(-t * log1p(b)) / -expm1(-t * log1p(b))", "b > 0"),
    ("c / sqrt((1 + b)**t - 1)", "c * exp(-t * log1p(b) / 2) / sqrt(-expm1(-t * log1p(b)))", "b > 0"),
    # where b may be 0 the exponent may not: log(0) * 0 is not a number
    ("1 - b**t", "-expm1(t * log(b))", "b > 0"),
    ("1 - b**t", "-expm1(t * log(b))", "b >= 0, t > 0"),
    ("b**t - 1", "expm1(t * log(b))", "b > 0"),
    ("b**t - 1", "expm1(t * log(b))", "b >= 0, t > 0"),
    ("(1 + b)**t - 1", "expm1(t * log1p(b))", "b >= 0"),
    ("(1 + b)**t", "exp(t * log1p(b))", "b >= 0"),
    ("exp(z) - 1", "expm1(z)", ""),
    ("1 - exp(z)", "-expm1(z)", ""),
    ("log(1 + z)", "log1p(z)", ""),
    ("c / expm1(z)", "c * exp(-z) / -expm1(-z)", "z > 0"),
)
"""(pattern, form, condition): tried from the top at every scalar node; the more specific ones come first."""
WEIGHTS = 4
"""As many of the first pairs are also tried where `1 - b` stands for the pattern, b being a name for the rest of it."""


@frozen
class RewriteRule:
    pattern: Expr
    form: Expr
    conditions: tuple[tuple[str, str], ...]
    """Pairs of a letter and a bound, `> 0` or `>= 0`; all must hold for every value in the domains."""


@cache
def rules() -> tuple[RewriteRule, ...]:
    table = []
    for pattern, form, condition in RULES:
        parts = tuple((c.split(" ", 1)[0], c.split(" ", 1)[1]) for c in condition.split(", ") if c)
        table.append(RewriteRule(parse_expression(pattern), parse_expression(form), parts))
    return tuple(table)


@cache
def _rules_of(kind: type[Expr], op: str | None) -> tuple[RewriteRule, ...]:
    """The rules whose patterns are such nodes: of most nodes there are none."""
    return tuple(r for r in rules() if type(r.pattern) is kind and getattr(r.pattern, "op", None) == op)


class Rewriter:
    """Rewrites along the statements; `definitions` holds what scalar names stand for, to see through `1 - b2`."""

    def __init__(self, scalars: set[str], env: Intervals) -> None:
        self.scalars = set(scalars)
        self.env = env
        self.definitions: dict[str, tuple[Expr, int]] = {}
        self.clock = 0
        self.bound: dict[str, int] = {}

    def block(self, body: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
        return tuple(self.stmt(stmt) for stmt in body)

    def stmt(self, stmt: Stmt) -> Stmt:
        match stmt:
            case Assign(name, value):
                new = self.expr(value)
                self.bind(name, value)
                flow((stmt,), self.env)
                return stmt if new is value else ir.Assign(name, new, span=stmt.span)
            case ir.If(test, then, otherwise):
                test = self.expr(test) if isinstance(stmt, ir.When) else test
                before = dict(self.definitions), set(self.scalars), dict(self.env), dict(self.bound)
                sides = []
                for side in (then, otherwise):
                    self.definitions, self.scalars, self.env = dict(before[0]), set(before[1]), dict(before[2])
                    self.bound = dict(before[3])
                    sides.append((self.block(side), self.scalars))
                self.definitions, self.env, self.bound = dict(before[0]), dict(before[2]), dict(before[3])
                self.scalars = (sides[0][1] & sides[1][1]) | before[1]
                for name in ir.assigned((stmt,)):
                    self.forget(name)
                    if name not in sides[0][1] or name not in sides[1][1]:
                        self.scalars.discard(name)
                flow((stmt,), self.env)
                return replace(stmt, test=test, then=sides[0][0], otherwise=sides[1][0])
            case ir.For(count, body):
                for name in ir.assigned(body):
                    self.forget(name)
                    self.scalars.discard(name)
                flow((stmt,), self.env)
                return ir.For(count, self.block(body), span=stmt.span)
            case ir.Assert():
                flow((stmt,), self.env)
        return stmt

    def bind(self, name: str, value: Expr) -> None:
        self.forget(name)
        if self.is_scalar(value):
            self.scalars.add(name)
            if name not in ir.names(value):
                self.definitions[name] = value, self.clock
        else:
            self.scalars.discard(name)

    def forget(self, name: str) -> None:
        """`name` gets another value: what it stood for, and what was said in terms of it, holds no longer."""
        self.clock += 1
        self.bound[name] = self.clock
        self.definitions.pop(name, None)

    def definition(self, name: str) -> Expr | None:
        """What a scalar name stands for, in names that have not been bound since."""
        value, when = self.definitions.get(name, (None, 0))
        fresh = value is not None and all(self.bound.get(n, 0) <= when for n in ir.names(value))
        return value if fresh else None

    def is_scalar(self, node: Expr) -> bool:
        """Whether no array enters: names of scalars, numbers, arithmetic and elementwise functions alone."""
        for part in ir.walk(node):
            match part:
                case Name(id=name) if name not in self.scalars:
                    return False
                case ir.Call(function=name) if name not in ELEMENTWISE:
                    return False
                case Binary("@") | ir.Draw() | ir.Transpose() | ir.Index() | ir.Dim() | ir.Ndim():
                    return False
        return True

    def expr(self, node: Expr) -> Expr:
        if self.is_scalar(node):
            return self.scalar(node)
        return rebuild(node, self.expr)

    def scalar(self, node: Expr) -> Expr:
        for rule in _rules_of(type(node), getattr(node, "op", None)):
            found = self.match(rule, node)
            if found is not None:
                return self.scalar(_respan(_filled(rule.form, found), node.span))
        match node:
            case Binary("-", Number(1), Name(id=name)) if (definition := self.definition(name)) is not None:
                # 1 - b2 where b2 = 1 - w: the weight itself, if some rule sees one
                whole = Binary("-", Number(1), definition, span=node.span)
                for rule in rules()[:WEIGHTS]:
                    found = self.match(rule, whole)
                    if found is not None:
                        return self.scalar(_respan(_filled(rule.form, found), node.span))
            case Unary("-", Unary("-", operand)):
                return self.scalar(operand)
        return rebuild(node, self.scalar)

    def match(self, rule: RewriteRule, node: Expr) -> dict[str, Expr] | None:
        found = _match(rule.pattern, node, {})
        if found is None:
            return None
        for letter, bound in rule.conditions:
            where = interval(found[letter], self.env)
            if not (where.positive if bound == "> 0" else where.nonnegative):
                return None
        return found


def rewrite(rule: ir.Rule, body: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
    """The expanded body with every scalar expression in its accurate form."""
    return Rewriter(set(rule.numbers), intervals_of(rule)).block(body)


def rewrite_function(
    rule: ir.Rule, function: ir.Function, statements: tuple[Stmt, ...], value: Expr
) -> tuple[tuple[Stmt, ...], Expr]:
    """A schedule's or a view's expanded body and value, likewise."""
    arrays = {rule.param, rule.grad, *(s.name for s in rule.slots)} if function.role == "view" else set()
    scalars = {
        a.name for a in function.arguments if a.kind not in ("Param", "Grad", "Slot", "Array", "Matrix")
    } - arrays
    env = arguments(rule, function)
    rewriter = Rewriter(scalars, env)
    return rewriter.block(statements), rewriter.expr(value)


def _match(pattern: Expr, node: Expr, found: dict[str, Expr]) -> dict[str, Expr] | None:
    """The bindings that make `pattern` equal to `node`, `+` and `*` in either order; None if there are none."""
    match pattern, node:
        case Name(id=letter), _:
            if letter in found:
                return found if found[letter] == node else None
            return {**found, letter: node}
        case Number(a), Number(b):
            return found if a == b else None
        case Binary(op, left, right), Binary(other, a, b) if op == other:
            orders = ((a, b), (b, a)) if op in ("+", "*") else ((a, b),)
            for first, second in orders:
                step = _match(left, first, found)
                step = None if step is None else _match(right, second, step)
                if step is not None:
                    return step
            return None
        case Unary(op, operand), Unary(other, inner) if op == other:
            return _match(operand, inner, found)
        case ir.Call(name, args), ir.Call(other, given) if name == other and len(args) == len(given):
            for a, b in zip(args, given, strict=True):
                step = _match(a, b, found)
                if step is None:
                    return None
                found = step
            return found
    return None


def _filled(form: Expr, found: dict[str, Expr]) -> Expr:
    if isinstance(form, Name):
        return found[form.id]
    return rebuild(form, lambda child: _filled(child, found))


def _respan(node: Expr, span: ir.Span) -> Expr:
    node = rebuild(node, lambda child: _respan(child, span))
    return replace(node, span=span)
