"""Inline every helper, schedule and view, so that a body speaks of its own names and the vocabulary alone.

A helper's names are kept where they are free and prefixed with the helper's name where they are not, so generated code
reads like the spec. Spans survive: an error inside a helper points into the helper.
"""

from __future__ import annotations

from dataclasses import replace

from . import ir
from .errors import SpecError
from .ir import Assign, Call, Choose, Compare, Dim, Expr, If, Name, Ndim, Number, Stmt, rebuild

MAX_NODES = 20_000


def expand(rule: ir.Rule) -> tuple[Stmt, ...]:
    """The body of the rule without a call of any function of the file."""
    return Expander(rule).rule_body()


def expand_function(rule: ir.Rule, function: ir.Function) -> tuple[tuple[Stmt, ...], Expr]:
    """The statements of a schedule or a view and the expression it returns, in its own argument names."""
    expander = Expander(rule, {a.name for a in function.arguments})
    scope = dict.fromkeys((), ir.Number(0))
    ranks = {a.name: 2 for a in function.arguments if a.kind == "Matrix"}
    return expander.function_body(function, scope, ranks)


class Expander:
    """One expansion. `scope` maps a name of the text to the expression that stands for it; missing names stay."""

    def __init__(self, rule: ir.Rule, names: set[str] | None = None) -> None:
        self.rule = rule
        self.stack: list[str] = []
        self.nodes = 0
        own = {h.name for h in rule.hypers} | set(rule.state_names) | {rule.param, rule.grad, rule.step or rule.param}
        self.taken = own | set(ir.assigned(rule.body)) if names is None else set(names)

    def rule_body(self) -> tuple[Stmt, ...]:
        return tuple(self.block(self.rule.body, {}, {}))

    def function_body(self, function: ir.Function, scope: dict, ranks: dict) -> tuple[tuple[Stmt, ...], Expr]:
        *statements, last = function.body or (None,)
        nested = any(isinstance(n, ir.Return) for n in ir.walk(tuple(s for s in statements if s)))
        if not isinstance(last, ir.Return) or len(last.values) != 1 or nested:
            raise SpecError(
                f"'{function.name}' must end with its only `return`, of one value", last or function, "one `return` at the end"
            )
        out = self.block(tuple(s for s in statements if s), scope, ranks)
        before: list[Stmt] = []
        value = self.expr(last.values[0], scope, ranks, before)
        return (*out, *before), value

    def fresh(self, name: str, owner: str = "") -> str:
        candidates = [name, f"{owner}_{name}"] if owner else [name]
        number = 2
        while candidates[0] in self.taken:
            candidates.pop(0)
            if not candidates:
                candidates.append(f"{owner}_{name}_{number}" if owner else f"{name}_{number}")
                number += 1
        self.taken.add(candidates[0])
        return candidates[0]

    def block(self, body: tuple[Stmt, ...], scope: dict[str, Expr], ranks: dict[str, int]) -> list[Stmt]:
        out: list[Stmt] = []
        ranks = dict(ranks)
        for stmt in body:
            out += self.stmt(stmt, scope, ranks)
        return out

    def stmt(self, stmt: Stmt, scope: dict[str, Expr], ranks: dict[str, int]) -> list[Stmt]:
        before: list[Stmt] = []
        match stmt:
            case Assign(name, value):
                new = self.expr(value, scope, ranks, before)
                target = scope.get(name)
                bound = replace(stmt, name=target.id if isinstance(target, Name) else name, value=new)
                if isinstance(value, Name | ir.Transpose | Choose) and isinstance(new, Name) and new.id in ranks:
                    ranks[bound.name] = ranks[new.id]
                return [*before, bound]
            case If(test, then, otherwise):
                test = self.expr(test, scope, ranks, before)
                inner = ranks | self.rank_fact(test)
                then_out = tuple(self.block(then, scope, inner))
                return [*before, replace(stmt, test=test, then=then_out, otherwise=tuple(self.block(otherwise, scope, ranks)))]
            case ir.For(count, body):
                count = self.expr(count, scope, ranks, before)
                return [*before, replace(stmt, count=count, body=tuple(self.block(body, scope, ranks)))]
            case ir.Assert(test):
                test = self.expr(test, scope, ranks, before)
                ranks |= self.rank_fact(test)
                return [*before, replace(stmt, test=test)]
        return [stmt]

    def rank_fact(self, test: Expr) -> dict[str, int]:
        """`{x: k}` where the test says that array x has rank k."""
        match test:
            case Compare("==", Ndim(Name(name)), Number(int(k))) | Compare("==", Number(int(k)), Ndim(Name(name))):
                fact = {name: k}
                return fact | ({self.rule.grad: k} if name == self.rule.param else {})
            case ir.Logical("and", values):
                return {n: k for v in values for n, k in self.rank_fact(v).items()}
        return {}

    def expr(self, node: Expr, scope: dict[str, Expr], ranks: dict[str, int], before: list[Stmt]) -> Expr:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise SpecError(f"more than {MAX_NODES:,} nodes once every helper is inlined", node, "call fewer helpers")
        match node:
            case Name(id=name):
                return replace(scope[name], span=node.span) if name in scope else node
            case Choose(test, then, otherwise):
                return self.choice(node, (test, then, otherwise), scope, ranks, before)
            case Call(function=name) if self.rule.function(name) is not None:
                return self.inline(node, scope, ranks, before)
            case Dim(operand, axis):
                inner = self.expr(operand, scope, ranks, before)
                if axis >= 0:
                    rank = ranks.get(inner.id) if isinstance(inner, Name) else None
                    if rank is None:
                        raise SpecError("the rank is not known here, so axes are counted from the end", node, "x.shape[-1]")
                    if axis >= rank:
                        raise SpecError(f"axis {axis} of an array of rank {rank}", node, f"axes are 0 to {rank - 1}")
                    axis -= rank
                return replace(node, operand=inner, axis=axis)
        return rebuild(node, lambda child: self.expr(child, scope, ranks, before))

    def choice(self, node: Choose, parts: tuple, scope: dict, ranks: dict, before: list[Stmt]) -> Expr:
        """A static choice; becomes an `if` where a branch needs statements, so that only its own branch runs."""
        test = self.expr(parts[0], scope, ranks, before)
        sides: list[tuple[list[Stmt], Expr]] = []
        for part in parts[1:]:
            lead: list[Stmt] = []
            value = self.expr(part, scope, ranks, lead)
            sides.append((lead, value))
        if not sides[0][0] and not sides[1][0]:
            return replace(node, test=test, then=sides[0][1], otherwise=sides[1][1])
        name = self.fresh("chosen")
        then, otherwise = ((*lead, Assign(name, value, span=node.span)) for lead, value in sides)
        before.append(If(test, then, otherwise, span=node.span))
        return Name(name, span=node.span)

    def inline(self, call: Call, scope: dict, ranks: dict, before: list[Stmt]) -> Expr:
        function = self.rule.function(call.function)
        assert function is not None
        if function.name in self.stack:
            raise SpecError(f"'{function.name}' calls itself", call, "the language has no recursion; use `for _ in range(n)`")
        values = {a: self.expr(v, scope, ranks, before) for a, v in matched(call, function)}
        rebound = set(ir.assigned(function.body))
        inner: dict[str, Expr] = {}
        inner_ranks: dict[str, int] = {}
        for argument, value in values.items():
            simple = isinstance(value, Name | Number | ir.Constant)
            if simple and argument.name not in rebound:
                inner[argument.name] = value
            else:
                name = self.fresh(argument.name, function.name)
                before.append(Assign(name, value, span=value.span))
                inner[argument.name] = Name(name)
            held = inner[argument.name]
            if argument.kind == "Matrix" and isinstance(held, Name):
                inner_ranks[held.id] = 2
            elif isinstance(held, Name) and isinstance(value, Name) and value.id in ranks:
                inner_ranks[held.id] = ranks[value.id]
        for name in rebound - set(inner):
            inner[name] = Name(self.fresh(name, function.name))
        self.stack.append(function.name)
        statements, result = self.function_body(function, inner, inner_ranks)
        self.stack.pop()
        before += statements
        return result


def matched(call: Call, function: ir.Function) -> list[tuple[ir.Argument, Expr]]:
    """Each argument of the function with the expression given for it; a mismatch is a SpecError at the call."""
    positional = [a for a in function.arguments if not a.keyword]
    if len(call.args) > len(positional):
        raise SpecError(
            f"'{function.name}' takes {len(positional)} positional arguments, {len(call.args)} are given",
            call.args[len(positional)],
            f"def {function.name}({', '.join(a.name for a in function.arguments)})",
        )
    given: dict[str, Expr] = {a.name: v for a, v in zip(positional, call.args, strict=False)}
    known = {a.name for a in function.arguments}
    for name, value in call.options:
        if name not in known:
            raise SpecError(f"'{function.name}' has no argument '{name}'", value, f"known here: {', '.join(sorted(known))}")
        if name in given:
            raise SpecError(f"'{function.name}' gets '{name}' twice", value)
        given[name] = value
    missing = [a.name for a in function.arguments if a.name not in given]
    if missing:
        raise SpecError(f"'{function.name}' needs '{missing[0]}'", call, f"add `{missing[0]}=…`")
    return [(a, given[a.name]) for a in function.arguments]
