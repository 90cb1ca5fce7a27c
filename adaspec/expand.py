"""Inline every helper, schedule and view, so that a body speaks of its own names and the vocabulary alone.

A helper's names are kept where they are free and prefixed with the helper's name where they are not, so generated code
reads like the spec. Spans survive: an error inside a helper points into the helper.
"""

from __future__ import annotations

from dataclasses import replace

from . import ir, noise
from .composed import composed
from .errors import SpecError
from .fold import folded, none_fact
from .ir import Assign, Call, Choose, Compare, Constant, Dim, Expr, If, Name, Ndim, Number, Stmt, rebuild
from .naming import fresh
from .vocabulary import FUNCTIONS

MAX_NODES = 10_000
MAX_DEPTH = 120
MAX_LOOPS = 3


class Budget:
    """How much may still be expanded: helpers that call helpers grow without bound, and so do many views of one."""

    def __init__(self) -> None:
        self.nodes = MAX_NODES

    def take(self, node: Expr) -> None:
        self.nodes -= 1
        if self.nodes < 0:
            raise SpecError(f"more than {MAX_NODES:,} nodes once every helper is inlined", node, "call fewer helpers")


def expand(rule: ir.Rule, budget: Budget | None = None) -> tuple[Stmt, ...]:
    """The body of the rule without a call of any function of the file."""
    return Expander(rule, budget or Budget()).rule_body()


def expand_function(
    rule: ir.Rule, function: ir.Function, budget: Budget | None = None
) -> tuple[tuple[Stmt, ...], Expr]:
    """The statements of a schedule or a view and the expression it returns, in its own argument names."""
    own = {a.name for a in function.arguments} | set(ir.assigned(function.body))
    expander = Expander(rule, budget or Budget(), own)
    expander.stack.append(function.name)
    expander.rebound = set(ir.assigned(function.body))
    expander.nullable |= {a.name for a in function.arguments if str(a.kind).startswith("Optional")}
    ranks = {a.name: 2 for a in function.arguments if a.kind == "Matrix"}
    body, (value,) = expander.function_body(function, {}, ranks)
    return body, value


class Expander:
    """One expansion. `scope` maps a name of the text to the expression that stands for it; missing names stay."""

    def __init__(self, rule: ir.Rule, budget: Budget, names: set[str] | None = None) -> None:
        self.rule = rule
        self.budget = budget
        self.stack: list[str] = []
        self.facts: dict[str, dict[str, int]] = {}
        self.nullable = set(rule.optional)
        self.loops = 0
        self.draws = 0
        self.depth = 0
        self.numbers = set(rule.numbers)
        self.rebound = set(ir.assigned(rule.body))
        self.taken = {*rule.declared, *ir.assigned(rule.body)} if names is None else set(names)

    def rule_body(self) -> tuple[Stmt, ...]:
        return tuple(self.block(self.rule.body, {}, {}))

    def function_body(
        self, function: ir.Function, scope: dict, ranks: dict, results: int = 1
    ) -> tuple[tuple[Stmt, ...], tuple[Expr, ...]]:
        statements, last = function.body[:-1], function.body[-1] if function.body else None
        nested = next((n for n in ir.every_statement(statements) if isinstance(n, ir.Return)), None)
        if nested is not None or not isinstance(last, ir.Return) or len(last.values) != results:
            of = "one value" if results == 1 else f"{results} values"
            what = f"'{function.name}' must end with its only `return`, of {of}"
            raise SpecError(what, nested or last or function, "one `return`, at the end")
        ranks = dict(ranks)
        out = self.block(statements, scope, ranks)
        before: list[Stmt] = []
        values = tuple(self.expr(value, scope, ranks, before) for value in last.values)
        return (*out, *before), values

    def fresh(self, name: str, owner: str = "") -> str:
        """`name` where it is free, else with its owner in front, else numbered too."""
        return fresh(f"{owner}_{name}" if owner and name in self.taken else name, self.taken)

    def block(self, body: tuple[Stmt, ...], scope: dict[str, Expr], ranks: dict[str, int]) -> list[Stmt]:
        """The expanded statements; `ranks` learns what they assert."""
        out: list[Stmt] = []
        for stmt in body:
            out += self.stmt(stmt, scope, ranks)
        return out

    def stmt(self, stmt: Stmt, scope: dict[str, Expr], ranks: dict[str, int]) -> list[Stmt]:
        before: list[Stmt] = []
        match stmt:
            case Assign(name, value):
                new = self.expr(value, scope, ranks, before)
                target = scope.get(name)
                return [*before, self.bound(stmt, target.id if isinstance(target, Name) else name, new, ranks)]
            case ir.Unpack(names, value):
                return [*self.unpack(stmt, names, value, scope, ranks, before)]
            case If(test, then, otherwise):
                test = folded(self.expr(test, scope, ranks, before))
                if isinstance(test, Constant):
                    return [*before, *self.block(then if test.value else otherwise, scope, ranks)]
                sides = ranks | self.rank_fact(test), dict(ranks)
                bodies = [tuple(self.block(b, scope, side)) for b, side in zip((then, otherwise), sides, strict=True)]
                for name in ir.assigned((*bodies[0], *bodies[1])):
                    ranks.pop(name, None)
                    self.facts.pop(name, None)
                return [*before, replace(stmt, test=test, then=bodies[0], otherwise=bodies[1])]
            case ir.For(count, body):
                self.loops += 1
                if self.loops > MAX_LOOPS:
                    raise SpecError(f"loops nested deeper than {MAX_LOOPS}", stmt, "count to the product of two counts")
                count = self.expr(count, scope, ranks, before)
                inner = dict(ranks)
                for name in ir.assigned(body):
                    held = scope.get(name)
                    inner.pop(held.id if isinstance(held, Name) else name, None)
                body = tuple(self.block(body, scope, inner))
                self.loops -= 1
                for name in ir.assigned(body):
                    ranks.pop(name, None)
                return [*before, replace(stmt, count=count, body=body)]
            case ir.Assert(test):
                test = self.expr(test, scope, ranks, before)
                ranks |= self.rank_fact(test)
                return [*before, replace(stmt, test=test)]
        return [stmt]

    def bound(self, stmt: Stmt, name: str, value: Expr, ranks: dict[str, int]) -> Assign:
        """An assignment in place of `stmt`; what it says of the rank is learnt."""
        rank = self.rank(value, ranks)
        ranks.pop(name, None)
        self.facts[name] = self.rank_fact(value)
        if rank is not None:
            ranks[name] = rank
        return Assign(name, value, span=stmt.span)

    def unpack(
        self, stmt: Stmt, names: tuple[str, ...], value: Expr, scope: dict[str, Expr], ranks: dict, before: list[Stmt]
    ) -> list[Stmt]:
        """Each value of a helper under its name; of a pair, both under a new name and each part of it under its own."""
        assert isinstance(value, Call)
        held = [scope.get(name) for name in names]
        targets = [target.id if isinstance(target, Name) else name for target, name in zip(held, names, strict=True)]
        if self.rule.function(value.function) is not None:
            values = self.inline(value, scope, ranks, before, len(names))
            return [*before, *self.together(stmt, targets, values, ranks)]
        call = rebuild(value, lambda child: self.expr(child, scope, ranks, before))
        call = self.of_rank(call) if call.function == "svd" else call
        both = self.fresh("both")
        out: list[Stmt] = [*before, Assign(both, call, span=stmt.span)]
        for index, name in enumerate(targets):
            if name != "_":
                ranks.pop(name, None)
                out.append(Assign(name, ir.Part(Name(both, span=stmt.span), index, span=stmt.span), span=stmt.span))
        return out

    def of_rank(self, call: Call) -> Call:
        """`svd(a, rank)` with its rank as an option: it belongs to the shape, and no array is computed from it."""
        a, rank = call.args
        hyper = self.rule.hyper(rank.id) if isinstance(rank, Name) and rank.id not in self.rebound else None
        literal = isinstance(rank, Number) and isinstance(rank.value, int) and rank.value > 0
        if not literal and (hyper is None or hyper.kind != "Count"):
            hint = "a literal from 1 on, or a hyperparameter declared Count: `rank: Count = 128`"
            raise SpecError("the rank of `svd` is a count that nothing changes", rank, hint)
        return replace(call, args=(a,), options=(("rank", rank),))

    def together(self, stmt: Stmt, targets: list[str], values: tuple[Expr, ...], ranks: dict) -> list[Stmt]:
        """One assignment for each value; those that read a name which one in front binds are computed before it."""
        ahead: list[Stmt] = []
        out: list[Stmt] = []
        for i, (target, value) in enumerate(zip(targets, values, strict=True)):
            if target == "_":
                continue
            if ir.names(value) & set(targets[:i]):
                name = self.fresh(f"{target}_new")
                ahead.append(self.bound(stmt, name, value, ranks))
                value = Name(name, span=stmt.span)
            out.append(self.bound(stmt, target, value, ranks))
        return [*ahead, *out]

    def rank_fact(self, test: Expr) -> dict[str, int]:
        """`{x: k}` where the test says that array x has rank k."""
        match test:
            case Compare(left=a, right=b) if any(isinstance(n, ir.Ndim) and type(n) is not ir.Ndim for n in (a, b)):
                return {}
            case Compare("==", Ndim(Name(name)), Number(int(k))) | Compare("==", Number(int(k)), Ndim(Name(name))):
                alike = {self.rule.param, self.rule.grad, *(s.name for s in self.rule.slots if s.init.whole)}
                alike |= set(self.rule.array_inputs)
                return dict.fromkeys(alike if name == self.rule.param else {name}, k)
            case ir.Logical("and", values):
                return {n: k for v in values for n, k in self.rank_fact(v).items()}
            case Name(id=name):
                return self.facts.get(name, {})
        return {}

    def rank(self, node: Expr, ranks: dict[str, int]) -> int | None:
        """The rank of an expanded expression, None if it is not known."""
        match node:
            case Number():
                return 0
            case Call("unfold"):
                return 2
            case Call("fold" | "spread" | "diag"):
                return None
            case Name(id=name):
                return 0 if name in self.numbers else ranks.get(name)
            case Call() if node.function == "total" or (FUNCTIONS[node.function].axis and not node.options):
                return 0
            case Choose(_, then, otherwise):
                sides = self.rank(then, ranks), self.rank(otherwise, ranks)
                return sides[0] if sides[0] == sides[1] else None
            case Call() | ir.Binary() | ir.Unary() | Compare() | ir.Transpose() | ir.Index():
                inner = [self.rank(c, ranks) for c in ir.children(node) if isinstance(c, Expr)]
                known = [k for k in inner[: 1 if isinstance(node, Call) and node.options else None] if k is not None]
                if len(known) < len(inner) - len(getattr(node, "options", ())):
                    return None
                added = node.items.count(None) if isinstance(node, ir.Index) else 0
                return max(known) + added - len(getattr(node, "options", ()))
        return None

    def expr(self, node: Expr, scope: dict[str, Expr], ranks: dict[str, int], before: list[Stmt]) -> Expr:
        self.budget.take(node)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise SpecError(f"an expression deeper than {MAX_DEPTH} once helpers are inlined", node, "name its parts")
        new = self._expr(node, scope, ranks, before)
        self.depth -= 1
        return new

    def _expr(self, node: Expr, scope: dict[str, Expr], ranks: dict[str, int], before: list[Stmt]) -> Expr:
        match node:
            case Name(id=name):
                return replace(scope[name], span=node.span) if name in scope else node
            case Choose(test, then, otherwise):
                return self.choice(node, (test, then, otherwise), scope, ranks, before)
            case ir.Logical(op, values):
                out, known = [], dict(ranks)
                for value in values:
                    out.append(self.expr(value, scope, known, before))
                    known |= self.rank_fact(out[-1]) if op == "and" else {}
                return replace(node, values=tuple(out))
            case Compare("is" | "is not", left, Constant(None)) if self.stack:
                asked = self.expr(left, scope, ranks, before)
                never = isinstance(asked, Number) or (isinstance(asked, Name) and asked.id not in self.nullable)
                return none_fact(replace(node, left=asked), never)
            case Call(function=name) if self.function(name) is not None:
                return self.inline(node, scope, ranks, before)[0]
            case Call(function=name) if FUNCTIONS[name].group == "parts":
                several, bind = ("two", "both: a, b") if FUNCTIONS[name].results == 2 else ("three", "them: u, s, v")
                hint = f"bind {bind} = {name}(…); `_` for one that is not needed"
                raise SpecError(f"'{name}' has {several} results", node, hint)
            case Call(function=name) if name in noise.KINDS:
                return self.draw(node)
            case Call("fan_in" | "fan_out" as name, (operand,)):
                fan = ir.FanIn if name == "fan_in" else ir.FanOut
                return fan(self.expr(operand, scope, ranks, before), span=node.span)
            case Call("unfold" | "fold" | "spread" | "gram" | "along", (*operands, axis)):
                axis = self.expr(axis, scope, ranks, before)
                return self.about_axis(node, [self.expr(a, scope, ranks, before) for a in operands], axis, before)
            case Call(args=(operand,)) if (axis := node.option("keep")) is not None:
                # All axes but one: the same reduction of each row of the unfolded array.
                axis = self.expr(axis, scope, ranks, before)
                rows = self.about_axis(node, [self.expr(operand, scope, ranks, before)], axis, before, "unfold")
                minus = ir.Unary("-", Number(1, span=node.span), span=node.span)
                return replace(node, args=(rows,), options=(("axis", minus),))
            case Dim(operand, axis):
                inner = self.expr(operand, scope, ranks, before)
                rank = self.rank(inner, ranks) if axis >= 0 else None
                if rank is not None:
                    if axis >= rank:
                        hint = f"its axes are 0 to {rank - 1}" if rank else "a number has none"
                        raise SpecError(f"axis {axis} of an array of rank {rank}", node, hint)
                    axis -= rank
                return replace(node, operand=inner, axis=axis)
        return rebuild(node, lambda child: self.expr(child, scope, ranks, before))

    def function(self, name: str) -> ir.Function | None:
        """A function of the file, or one of the vocabulary that is said in the vocabulary."""
        return self.rule.function(name) or composed().get(name)

    def draw(self, node: Call) -> ir.Draw:
        """A draw of noise, under the number that tells it from the rule's others."""
        seed = self.rule.hyper(noise.SEED)
        if seed is None or seed.kind != "Count":
            hint = f"declare it among the hyperparameters: {noise.SEED}: Count = 0"
            raise SpecError(f"'{node.function}' needs a seed", node, hint)
        if self.loops:
            raise SpecError("noise in a loop would be the same at every turn", node, "draw it in front of the loop")
        if self.draws == noise.MOST:
            raise SpecError(f"more than {noise.MOST} draws of noise", node, "bind one to a name and read it twice")
        self.draws += 1
        return ir.Draw(node.function, self.draws - 1, span=node.span)

    def about_axis(self, node: Call, operands: list[Expr], axis: Expr, before: list[Stmt], function: str = "") -> Expr:
        """A function about one axis of the parameter, in terms of `unfold`, `fold` and `spread`."""

        def made(name: str, operand: Expr) -> Call:
            return Call(name, (operand,), (("axis", axis),), span=node.span)

        match function or node.function:
            case "gram":
                rows = self.fresh("rows")
                before.append(Assign(rows, made("unfold", operands[0]), span=node.span))
                return ir.Binary("@", Name(rows), ir.Transpose(Name(rows)), span=node.span)
            case "along":
                moved = ir.Binary("@", operands[0], made("unfold", operands[1]), span=node.span)
                return made("fold", moved)
            case name:
                return made(name, operands[0])

    def choice(self, node: Choose, parts: tuple, scope: dict, ranks: dict, before: list[Stmt]) -> Expr:
        """A static choice; becomes an `if` where a branch needs statements, so that only its own branch runs."""
        test = folded(self.expr(parts[0], scope, ranks, before))
        if isinstance(test, Constant):
            return self.expr(parts[1 if test.value else 2], scope, ranks, before)
        sides: list[tuple[list[Stmt], Expr]] = []
        for part, known in zip(parts[1:], (ranks | self.rank_fact(test), ranks), strict=True):
            lead: list[Stmt] = []
            value = self.expr(part, scope, known, lead)
            sides.append((lead, value))
        # A total is summed, and a slot exists, only if its own side is chosen: such a side stands in an `if`.
        totals = any(isinstance(n, Call) and n.function == "total" for _, value in sides for n in ir.walk(value))
        slots = [ir.names(value) & set(self.rule.state_names) for _, value in sides]
        if not sides[0][0] and not sides[1][0] and not totals and slots[0] == slots[1]:
            return replace(node, test=test, then=sides[0][1], otherwise=sides[1][1])
        name = self.fresh("chosen")
        then, otherwise = ((*lead, Assign(name, value, span=node.span)) for lead, value in sides)
        before.append(If(test, then, otherwise, span=node.span))
        return Name(name, span=node.span)

    def inline(self, call: Call, scope: dict, ranks: dict, before: list[Stmt], results: int = 1) -> tuple[Expr, ...]:
        function = self.function(call.function)
        assert function is not None
        if function.name in self.stack:
            raise SpecError(
                f"'{function.name}' calls itself", call, "the language has no recursion; use `for _ in range(n)`"
            )
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
            elif isinstance(held, Name) and (rank := self.rank(value, ranks)) is not None:
                inner_ranks[held.id] = rank
        for name in rebound - set(inner):
            inner[name] = Name(self.fresh(name, function.name))
        self.stack.append(function.name)
        statements, values = self.function_body(function, inner, inner_ranks, results)
        self.stack.pop()
        before += statements
        return values


def matched(call: Call, function: ir.Function) -> list[tuple[ir.Argument, Expr]]:
    """Each argument of the function with the expression given for it; a mismatch is a SpecError at the call."""
    positional = [a for a in function.arguments if not a.keyword]
    if len(call.args) > len(positional):
        raise SpecError(
            f"'{function.name}' takes {len(positional)} arguments in front, {len(call.args)} are given",
            call.args[len(positional)],
            f"def {function.name}({', '.join(a.name for a in function.arguments)})",
        )
    given: dict[str, Expr] = {a.name: v for a, v in zip(positional, call.args, strict=False)}
    known = {a.name for a in function.arguments}
    for name, value in call.options:
        if name not in known:
            raise SpecError(
                f"'{function.name}' has no argument '{name}'", value, f"known here: {', '.join(sorted(known))}"
            )
        if name in given:
            raise SpecError(f"'{function.name}' gets '{name}' twice", value, "once is enough")
        given[name] = value
    missing = [a.name for a in function.arguments if a.name not in given]
    if missing:
        raise SpecError(f"'{function.name}' needs '{missing[0]}'", call, f"add `{missing[0]}=…`")
    return [(a, given[a.name]) for a in function.arguments]
