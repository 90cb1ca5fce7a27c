"""Does a rule say something? Names, calls, ranks, stages, domains, return order; each failure a SpecError at its span.

Checking works on the text as written for names and calls, and on the expanded body for shapes and stages, whose spans
still point into the text. Warnings never stop a spec.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from . import ir
from .domains import check_domains, overflow_warning
from .errors import SpecError, suggest
from .expand import expand, expand_function
from .ir import Assert, Assign, Call, For, If, Name, Return, Stmt
from .source import is_keyword
from .stage import FULL, Env, Stage, Type, joined, narrowed, shown, signature, slot_type, typeof
from .stage import _fact as static_fact
from .vocabulary import FUNCTIONS, LATER, WORDS

Warn = Callable[[str, ir.Node, str], None]


def check(rule: ir.Rule, warn: Warn | None = None) -> tuple[Stmt, ...]:
    """The expanded body of a sound rule; `warn(message, node, hint)` is called for what is legal and doubtful."""
    check_names(rule)
    body = expand(rule)
    env = signature(rule)
    statements, last = body[:-1], body[-1]
    if not isinstance(last, Return) or any(isinstance(n, Return) for n in ir.walk(statements)):
        raise SpecError(f"'{rule.name}' must end with its only `return`", last, _returns(rule))
    statements = Flow(rule, env).block(statements)
    check_return(rule, last, env)
    check_functions(rule)
    check_domains(rule, statements)
    check_dialects(rule)
    if warn is not None:
        doubts(rule, body, warn)
    return (*statements, last)


# Names and calls, on the text as written


def check_names(rule: ir.Rule) -> None:
    declared: dict[str, ir.Node] = {}
    places: list[tuple[str, ir.Node]] = [(n, rule) for n in (rule.param, rule.grad, rule.step) if n]
    places += [(d.name, d) for d in (*rule.slots, *rule.shared, *rule.hypers)]
    for name, node in places:
        if name in declared:
            raise SpecError(f"'{name}' is declared twice in '{rule.name}'", node, "one name, one meaning")
        if is_keyword(name):
            raise SpecError(f"'{name}' is a Python keyword", node, f"call it {name}_")
        declared[name] = node
    functions = {f.name: f for f in rule.functions}
    clash = next((n for n in functions if n in declared or n == rule.name), None)
    if clash:
        raise SpecError(f"'{clash}' names a function and something else", functions[clash], "rename one of them")
    for name in functions:
        if name in WORDS:
            raise SpecError(f"'{name}' is a word of the language", functions[name], "give the helper another name")
    Names(rule, set(declared)).block(rule.body, set(declared))
    for function in rule.functions:
        own = [a.name for a in function.arguments]
        twice = next((a for i, a in enumerate(function.arguments) if a.name in own[:i]), None)
        if twice:
            raise SpecError(f"'{twice.name}' is declared twice in '{function.name}'", twice)
        Names(rule, set(own)).block(function.body, set(own))


class Names:
    """Every name is bound before it is read, every call fits the function it names."""

    def __init__(self, rule: ir.Rule, declared: set[str]) -> None:
        self.rule = rule
        self.declared = declared

    def block(self, body: tuple[Stmt, ...], bound: set[str]) -> set[str]:
        assigned = set(ir.assigned(body))
        for stmt in body:
            match stmt:
                case Assign(name, value):
                    self.reads(value, bound, assigned)
                    if name == self.rule.step and self.rule.step in self.declared:
                        raise SpecError(f"'{name}' is the step: it cannot be bound", stmt, "use another name")
                    if self.rule.function(name):
                        raise SpecError(f"'{name}' is a function of this file", stmt, "use another name")
                    bound.add(name)
                case If(test, then, otherwise):
                    self.reads(test, bound, assigned)
                    sides = self.block(then, set(bound)), self.block(otherwise, set(bound))
                    bound |= sides[0] | sides[1]
                case For(count, inner):
                    self.reads(count, bound, assigned)
                    bound |= self.block(inner, set(bound))
                case Assert(test):
                    self.reads(test, bound, assigned)
                case Return(values):
                    for value in values:
                        self.reads(value, bound, assigned)
        return bound

    def reads(self, expr: ir.Expr, bound: set[str], assigned: set[str]) -> None:
        for node in ir.walk(expr):
            if isinstance(node, Name) and node.id not in bound:
                raise self.unknown(node, bound, assigned)
            if isinstance(node, Call):
                self.call(node, bound)

    def unknown(self, node: Name, bound: set[str], assigned: set[str]) -> SpecError:
        if node.id in assigned:
            return SpecError(f"'{node.id}' is used before it is bound", node, "move its assignment up")
        if node.id in LATER:
            return SpecError(f"'{node.id}' comes later ({LATER[node.id]})", node)
        if node.id in WORDS or self.rule.function(node.id):
            return SpecError(f"'{node.id}' is a function, not a value", node, f"call it: {node.id}(…)")
        return SpecError(f"unknown name '{node.id}'", node, suggest(node.id, bound))

    def call(self, node: Call, bound: set[str]) -> None:
        name = node.function
        if name in bound:
            raise SpecError(f"'{name}' is a value here, not a function", node, "rename the value to call the function")
        if self.rule.function(name):
            return
        if name in LATER:
            raise SpecError(f"'{name}' comes later ({LATER[name]})", node)
        form = FUNCTIONS.get(name)
        if form is None:
            known = {*FUNCTIONS, *(f.name for f in self.rule.functions)}
            raise SpecError(f"unknown function '{name}'", node, suggest(name, known))
        if len(node.args) != form.arity:
            s = "" if form.arity == 1 else "s"
            raise SpecError(f"'{name}' takes {form.arity} argument{s}, {len(node.args)} are given", node)
        for option, value in node.options:
            if option != "axis" or not form.axis:
                raise SpecError(f"'{name}' has no option '{option}'", value, "reductions take axis=" if form.axis else "")


# Shapes and stages, on the expanded body


class Flow:
    """Types along the statements; `env` is changed in place, and shapes are said in the parameter's own axes."""

    def __init__(self, rule: ir.Rule, env: Env) -> None:
        self.rule = rule
        self.env = env

    def block(self, body: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
        return tuple(self.stmt(stmt) for stmt in body)

    def stmt(self, stmt: Stmt) -> Stmt:
        match stmt:
            case Assign(name, value):
                found = typeof(value, self.env)
                old = self.env.get(name)
                if old is not None and old.is_array != found.is_array and not isinstance(value, ir.Choose):
                    was, now = ("an array", "a number") if old.is_array else ("a number", "an array")
                    raise SpecError(f"'{name}' was {was} and is bound to {now}", value, "use another name")
                new = replace(stmt, value=self.resolved(value))
                self.env[name] = found
                return new
            case If(test, then, otherwise):
                return self.branch(stmt, test, then, otherwise)
            case For(count, body):
                static_fact(count, self.env)
                self.refuse_total(stmt)
                before = dict(self.env)
                for _ in range(2):
                    new = self.block(body)
                    for name, old in before.items():
                        if self.env[name] != old:
                            self.env[name] = joined(Stage.STATIC, old, self.env[name])
                return replace(stmt, count=self.resolved(count), body=new)
            case Assert(test):
                static_fact(test, self.env)
                return replace(stmt, test=self.resolved(test))
        return stmt

    def branch(self, stmt: If, test: ir.Expr, then: tuple[Stmt, ...], otherwise: tuple[Stmt, ...]) -> If:
        fact = static_fact(test, self.env)
        if fact.stage & Stage.SHAPE:
            self.refuse_total(stmt)
        flows, bodies = [], []
        for holds, side in ((True, then), (False, otherwise)):
            flow = Flow(self.rule, dict(narrowed(test, self.env, holds)))
            bodies.append(flow.block(side))
            flows.append(flow.env)
        new = replace(stmt, test=self.resolved(test), then=bodies[0], otherwise=bodies[1])
        rebound = ir.assigned((stmt,))
        before = dict(self.env)
        self.env.clear()
        for name in before | dict.fromkeys(rebound):
            if name not in rebound:
                self.env[name] = before[name]
            elif name in flows[0] and name in flows[1]:
                self.env[name] = joined(fact.stage & Stage.SHAPE, flows[0][name], flows[1][name])
        return new

    def resolved(self, node: ir.Expr) -> ir.Expr:
        """`node` with every `ndim` and `shape` that is the parameter's own said of the parameter."""
        match node:
            case ir.Ndim(operand) if typeof(operand, self.env).is_full:
                return replace(node, operand=Name(self.rule.param))
            case ir.Dim(operand, axis):
                dims = typeof(operand, self.env).dims
                own = dims[axis] if -len(dims) < axis else None
                if isinstance(own, int) and own < 0:
                    return ir.Dim(Name(self.rule.param), own, span=node.span)
        return ir.rebuild(node, self.resolved)

    def refuse_total(self, stmt: Stmt) -> None:
        for node in ir.walk(stmt):
            if isinstance(node, Call) and node.function == "total":
                what = "in a loop" if isinstance(stmt, For) else "under a condition on the shape"
                raise SpecError(f"`total` {what}: every array must take part", node, "move it out")


def check_return(rule: ir.Rule, last: Return, env: Env) -> None:
    wanted = (rule.param, *rule.state_names)
    given = tuple(v.id if isinstance(v, Name) else "…" for v in last.values)
    if given != wanted:
        wrong = next((i for i, w in enumerate(wanted) if i >= len(given) or given[i] != w), len(wanted))
        at = last.values[wrong] if wrong < len(last.values) else last
        raise SpecError(f"'{rule.name}' must return {', '.join(wanted)} in this order", at, _returns(rule))
    for value, declared in zip(last.values, [Type(Stage.ARRAY, FULL), *map(slot_type, rule.slots)], strict=False):
        found = typeof(value, env)
        opaque = any(isinstance(d, str) and d[0] == "?" for d in found.dims)
        if (found.dims != declared.dims and not opaque) or found.truth:
            what = "the parameter" if value is last.values[0] else f"the slot '{getattr(value, 'id', '')}'"
            raise SpecError(
                f"{what} has shape {shown(declared.dims)} and is bound to {shown(found.dims)}",
                _binding(rule, getattr(value, "id", "")) or value,
                "a number fills an array by `x * 0 + number`; an array becomes a number by sum, mean, norm",
            )
    for shared in rule.shared:
        found = env[shared.name]
        if not found.stage.shared or found.dims or found.truth:
            raise SpecError(
                f"the Shared '{shared.name}' is bound to a value that differs between arrays",
                _binding(rule, shared.name) or last,
                "sum it over the model: total(sum(…))",
            )


def _binding(rule: ir.Rule, name: str) -> ir.Node | None:
    found = [n for n in ir.walk(rule.body) if isinstance(n, Assign) and n.name == name]
    return found[-1].value if found else None


def _returns(rule: ir.Rule) -> str:
    return f"return {', '.join((rule.param, *rule.state_names))}"


def check_functions(rule: ir.Rule) -> None:
    labels: set[str] = set()
    for function in rule.functions:
        if function.role == "helper":
            continue
        statements, value = expand_function(rule, function)
        if function.role == "schedule":
            schedule_arguments(rule, function)
        else:
            if function.label in labels:
                raise SpecError(f"two views named '{function.label}'", function)
            labels.add(str(function.label))
        env = function_env(rule, function)
        flow = Flow(rule, env)
        flow.block(statements)
        found = typeof(value, env)
        if function.role == "schedule" and found.dims:
            raise SpecError("a schedule is a number", value)
        if function.role == "view" and not found.is_array:
            raise SpecError("a view has the shape of the parameter", value)


def schedule_arguments(rule: ir.Rule, function: ir.Function) -> None:
    for argument in function.arguments:
        if argument.kind in ("Param", "Grad", "Slot", "Shared", "Array", "Matrix"):
            raise SpecError("a schedule is a function of t and hyperparameters alone", argument)


def function_env(rule: ir.Rule, function: ir.Function) -> Env:
    """The types of a schedule's or a view's arguments; a view's name the rule's own."""
    env: Env = {}
    own = signature(rule)
    for argument in function.arguments:
        known = own.get(argument.name)
        if function.role == "view" and known is None:
            raise SpecError(
                f"a view takes the rule's own names: '{argument.name}' is none of them", argument, suggest(argument.name, own)
            )
        if known is None:
            scalar = argument.kind not in ("Array", "Matrix")
            static = argument.kind in ("Count", "Flag")
            stage = Stage.STATIC if static else Stage.SCALAR
            known = Type(stage, truth=argument.kind == "Flag") if scalar else Type(Stage.ARRAY, FULL)
        env[argument.name] = known
    return env


def check_dialects(rule: ir.Rule) -> None:
    for name, values in rule.dialects:
        for hyper, value in values:
            declared = rule.hyper(hyper)
            if declared is None:
                raise SpecError(
                    f"the dialect '{name}' sets '{hyper}', which is no hyperparameter",
                    rule,
                    suggest(hyper, (h.name for h in rule.hypers)),
                )
            from .declare import Declarations

            Declarations().check_default(hyper, declared.kind, declared.optional, value, declared.span)


def doubts(rule: ir.Rule, body: tuple[Stmt, ...], warn: Warn) -> None:
    used = ir.names(body[:-1]) | set(ir.assigned(body))
    for slot in rule.slots:
        if slot.name not in used:
            warn(f"the slot '{slot.name}' is never read nor bound", slot, "remove it: it costs memory")
    for shared in rule.shared:
        if shared.name not in used:
            warn(f"the Shared '{shared.name}' is never read nor bound", shared, "remove it")
    viewed = {a.name for f in rule.functions if f.role == "view" for a in f.arguments}
    for hyper in rule.hypers:
        if hyper.name not in used | viewed:
            warn(f"the hyperparameter '{hyper.name}' is never read", hyper, "remove it, or use it")
    if "." not in rule.doc and ":" not in rule.doc:
        warn("no reference in the docstring", rule, '"""Name: title. Authors, year. arXiv:…"""')
    overflow_warning(rule, body, warn)
