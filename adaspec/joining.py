"""Names and signatures when a rule joins another: what each name of the called rule is called by the caller.

Slots and shared scalars take the called rule's name as a prefix. Helpers, schedules and locals keep their names where
they are free, and take the prefix where they are not. A hyperparameter that the call gives is that expression; of the
others, a rule called by name shares those that the caller declares too, and a wrapped rule, which its wrapper cannot
know, shares none: there the same name gets the prefix.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from . import ir, noise
from .errors import SpecError, suggest
from .hypers import check_default
from .ir import Call, Constant, Expr, Name, Number, Unary
from .naming import fresh
from .source import MAX_NAME
from .vocabulary import FUNCTIONS


@dataclass
class Join:
    """One call: the callee, what its names are called, and what stands for its hyperparameters."""

    rule: ir.Rule
    prefix: str
    names: dict[str, str]
    hypers: dict[str, Expr]
    firsts: list[str] = field(default_factory=list)
    """The slots that begin with a gradient which the optimizer itself never sees."""


class Joiner:
    """The caller's signature as it grows; `bound` are the names that hold values, `taken` all that mean anything."""

    def __init__(self, rule: ir.Rule) -> None:
        self.rule = rule
        self.step = rule.step
        self.slots = list(rule.slots)
        self.shared = list(rule.shared)
        self.inputs = list(rule.inputs)
        self.own = list(rule.hypers)
        self.hypers: list[ir.Hyper] = []
        self.functions = list(rule.functions)
        self.bound = {*rule.declared, *ir.assigned(rule.body)}
        self.taken = self.bound | {f.name for f in rule.functions} | {rule.name} | _called(rule)
        self.parts: dict[tuple[str, bool], Join] = {}
        self.passed: dict[tuple[str, bool, str], str] = {}
        self.shown: set[str] = {str(f.label) for f in rule.functions if f.role == "view"}

    # Names

    def claim(self, name: str, prefix: str, at: ir.Node) -> str:
        """`name` where it is free, else with the prefix, else numbered too."""
        return self.take(fresh(name if name not in self.taken else f"{prefix}_{name}", self.taken), at)

    def take(self, name: str, at: ir.Node) -> str:
        if len(name) > MAX_NAME:
            what = f"the name '{name}' that joins is longer than {MAX_NAME}"
            raise SpecError(what, at, "write one of the rules out")
        self.taken.add(name)
        return name

    def local(self, name: str, prefix: str, at: ir.Node) -> str:
        found = self.claim(name, prefix, at)
        self.bound.add(found)
        return found

    # A call

    def join(self, call: Call, callee: ir.Rule, prefix: str, wraps: bool) -> Join:
        if not 2 <= len(call.args) <= 3:
            usage = ", ".join(n for n in (callee.param, callee.grad, callee.step) if n)
            what = f"'{call.function}' takes the parameter, the gradient and the step in front"
            raise SpecError(f"{what}, {len(call.args)} are given", call, f"{call.function}({usage}, …)")
        if callee.step and len(call.args) < 3:
            step = self.rule.step or "t"
            what = f"'{callee.name}' needs the step"
            raise SpecError(what, call, f"declare `{step}: Step` and call {call.function}(…, {step})")
        known = self.parts.get((prefix, wraps))
        names = known.names if known else self.state_names(call, callee, prefix)
        given = self.given(call, callee, wraps)
        hypers = {h.name: given.get(h.name) or self.hyper(h, callee, prefix, wraps, call) for h in callee.hypers}
        hypers |= {i.name: given.get(i.name) or self.input(i, prefix, call) for i in callee.inputs}
        if known:
            return replace(known, hypers=hypers, firsts=[])
        clash = next((n for n in _called(callee) if n in FUNCTIONS and n in self.bound), None)
        if clash is not None:
            what = f"'{clash}' is a value here, and '{callee.name}' calls the function of that name"
            raise SpecError(what, call, "rename the value")
        for name in (*(f.name for f in callee.functions), *_locals(callee)):
            names[name] = self.claim(name, prefix, call)
        self.bound |= {names[name] for name in _locals(callee)}
        join = Join(callee, prefix, names, hypers)
        self.parts[prefix, wraps] = join
        self.state(join, call)
        self.functions += [_renamed(f, names, call.span) for f in callee.functions]
        return join

    def state_names(self, call: Call, callee: ir.Rule, prefix: str) -> dict[str, str]:
        names = {}
        for name in callee.state_names:
            new = f"{prefix}_{name}"
            if new in self.taken:
                what = f"'{name}' of '{callee.name}' joins as '{new}', which is a name of '{self.rule.name}' already"
                raise SpecError(what, call, "rename that")
            names[name] = self.take(new, call)
        self.bound |= set(names.values())
        return names

    def state(self, join: Join, call: Call) -> None:
        """The slots and shared scalars of the callee, with what they begin with."""
        seen = call.args[1:] in ((Name(self.rule.grad),), (Name(self.rule.grad), Name(str(self.rule.step))))
        always = any(isinstance(s, ir.Assign) and call in ir.walk(s.value) for s in self.rule.body)
        seen = seen and always and self.rule.grad not in ir.assigned(self.rule.body)
        for slot in join.rule.slots:
            value, rank = (self.beginning(v, join, call) for v in (slot.init.value, slot.init.rank))
            init = replace(slot.init, value=value, rank=rank if isinstance(rank, str) else int(rank))
            name = join.names[slot.name]
            if init.kind == "first_grad" and not seen:
                init = replace(init, kind="zeros", value=0.0)
                join.firsts.append(name)
                if len(call.args) < 3:
                    self.step = self.step or self.local("t", join.prefix, call)
            self.slots.append(replace(slot, name=name, init=init, span=call.span))
        for shared in join.rule.shared:
            initial = self.beginning(shared.initial, join, call)
            self.shared.append(replace(shared, name=join.names[shared.name], initial=initial, span=call.span))

    def beginning(self, value: float | str, join: Join, call: Call) -> float | str:
        if not isinstance(value, str):
            return value
        match join.hypers[value]:
            case Name(id=name) if name not in ir.assigned(self.rule.body) and name in self.bound:
                return name
            case Number(number):
                return float(number)
        what = f"'{join.rule.name}' reads '{value}' at init, and the call computes it"
        raise SpecError(what, call, "give it a number or a hyperparameter")

    # Hyperparameters

    def given(self, call: Call, callee: ir.Rule, wraps: bool) -> dict[str, Expr]:
        """What the call gives, by the callee's names."""
        found: dict[str, Expr] = {}
        for name, value in call.options:
            hyper = callee.hyper(name)
            if callee.input(name) is not None:
                found[name] = value
                continue
            if hyper is None:
                what = f"'{callee.name}' has no hyperparameter '{name}', which '{self.rule.name}' gives it"
                raise SpecError(what, value, suggest(name, (h.name for h in callee.hypers)) or "it has none")
            found[name] = value
            literal = _literal(value)
            if literal is not NOTHING:
                check_default(name, hyper.kind, hyper.optional, literal, value.span, "the value given for")
                found[name] = Number(literal) if isinstance(value, Unary) else value
            own = self.rule.hyper(value.id) if isinstance(value, Name) else None
            alike = own is not None and (own.kind, own.optional) == (hyper.kind, hyper.optional)
            if hyper.static and literal is NOTHING and not alike:
                what = f"'{name}' of '{callee.name}' is static, a {hyper.kind}"
                raise SpecError(what, value, f"give it a literal, or a hyperparameter declared {hyper.kind}")
            if wraps and own is not None and alike and own.name == name:  # the wrapped rule's own: so is its default
                self.own = [replace(h, default=hyper.default) if h is own else h for h in self.own]
        return found

    def hyper(self, hyper: ir.Hyper, callee: ir.Rule, prefix: str, wraps: bool, call: Call) -> Expr:
        """The name of a hyperparameter that the call does not give."""
        key = prefix, wraps, hyper.name
        if key not in self.passed:
            shares = not wraps or hyper.name == noise.SEED  # one seed: draws are told apart by their number
            alike = [h for h in (*self.own, *self.hypers) if h.name == hyper.name] if shares else []
            if alike:
                self.agree(alike[0], hyper, callee, call)
                self.passed[key] = hyper.name
            else:
                name = self.claim(hyper.name, prefix, call)
                self.bound.add(name)
                self.hypers.append(replace(hyper, name=name, span=call.span))
                self.passed[key] = name
        return Name(self.passed[key], span=call.span)

    def input(self, given: ir.Input, prefix: str, call: Call) -> Expr:
        """The name of an input that the call does not give: the caller's own if it declares the same, else it joins."""
        key = prefix, False, given.name
        if key not in self.passed:
            same = any(replace(given, span=ir.NOWHERE) == replace(i, span=ir.NOWHERE) for i in self.inputs)
            name = given.name if same else self.claim(given.name, prefix, call)
            self.passed[key] = name
            if not same:
                self.bound.add(name)
                self.inputs.append(replace(given, name=name, span=call.span))
        return Name(self.passed[key], span=call.span)

    def agree(self, known: ir.Hyper, hyper: ir.Hyper, callee: ir.Rule, call: Call) -> None:
        give = f"give it in the call: {call.function}(…, {hyper.name}=…)"
        kinds = [f"Optional[{h.kind}]" if h.optional else h.kind for h in (known, hyper)]
        if kinds[0] != kinds[1]:
            what = f"'{hyper.name}' is {kinds[0]} here and {kinds[1]} in '{callee.name}'"
            raise SpecError(what, call, give)
        if known not in self.own and known.default != hyper.default:
            what = f"'{hyper.name}' is {known.default!r} by default in one called rule and {hyper.default!r} in another"
            raise SpecError(what, call, f"declare '{hyper.name}' in '{self.rule.name}', or {give}")

    # Views, and the whole

    def show(self, join: Join, call: Call) -> None:
        """The callee's views are views of the caller too, where the caller leaves the parameter as the call gave it."""
        scope: dict[str, Expr] = {join.rule.param: Name(self.rule.param)}
        scope |= {n: Name(join.names[n]) for n in join.rule.state_names} | join.hypers
        if join.rule.step:
            scope[join.rule.step] = call.args[2]
        if call.args[1] == Name(self.rule.grad) and self.rule.grad not in ir.assigned(self.rule.body):
            scope |= {join.rule.grad: Name(self.rule.grad)}
        known = self.kinds()
        for view in join.rule.functions:
            label = str(view.label)
            if view.role == "view" and not {a.name for a in view.arguments} <= scope.keys():
                continue
            values = {a.name: scope[a.name] for a in view.arguments} if view.role == "view" else {}
            used = dict.fromkeys(n for v in values.values() for n in _read(v))
            if view.role != "view" or label in self.shown or not used.keys() <= known.keys():
                continue
            self.shown.add(label)
            arguments = [ir.Argument(n, known[n], self.is_hyper(n), span=call.span) for n in used]
            plain = tuple(values[a.name] for a in view.arguments if not a.keyword)
            options = tuple((a.name, values[a.name]) for a in view.arguments if a.keyword)
            body = ir.Return((Call(join.names[view.name], plain, options, span=call.span),), span=call.span)
            self.functions.append(
                ir.Function(
                    self.claim(label, join.prefix, call), tuple(sorted(arguments, key=lambda a: a.keyword)), (body,),
                    "view", view.doc, label, span=call.span,
                )
            )  # fmt: skip

    def kinds(self) -> dict[str, str]:
        """The names of the caller that a view may take, with their kinds."""
        found = {self.rule.param: "Param", self.rule.grad: "Grad"} | {s.name: "Slot" for s in self.slots}
        found |= {s.name: "Shared" for s in self.shared} | ({self.step: "Step"} if self.step else {})
        return found | {
            h.name: f"Optional[{h.kind}]" if h.optional else h.kind for h in (*self.own, *self.hypers)
        }  # fmt: skip

    def is_hyper(self, name: str) -> bool:
        return any(h.name == name for h in (*self.own, *self.hypers))

    def joined(self, body: tuple[ir.Stmt, ...]) -> ir.Rule:
        """The flat rule, whose last statement returns all of the state. A wrapper's own hyperparameters stand last."""
        rule = self.rule
        hypers = (*self.hypers, *self.own) if rule.inner is not None else (*self.own, *self.hypers)
        flat = replace(
            rule,
            step=self.step,
            slots=tuple(self.slots),
            shared=tuple(self.shared),
            # Those with a default behind those without, as Python has it.
            inputs=tuple(sorted(self.inputs, key=lambda i: i.optional or i.view is not None)),
            hypers=hypers,
            inner=None,
            body=body,
        )
        values = tuple(Name(n, span=body[-1].span) for n in (flat.param, *flat.state_names))
        body = (*body[:-1], ir.Return(values, span=body[-1].span))
        own = {f.name for f in rule.functions}
        called = _called(replace(flat, body=body, functions=()))
        kept: list[ir.Function] = []
        while more := [
            f for f in self.functions if f not in kept and (f.name in own | called or f.role == "view")
        ]:  # what a function that is kept calls is kept
            kept += more
            called |= {name for f in more for name in _called(f)}
        return replace(flat, body=body, functions=tuple(f for f in self.functions if f in kept))


NOTHING = object()


def _literal(value: Expr) -> Any:
    """The Python value of a literal, NOTHING of any other expression."""
    match value:
        case Number(v) | Constant(v):
            return v
        case Unary("-", Number(v)):
            return -v
    return NOTHING


def _called(node: ir.Rule | ir.Function) -> set[str]:
    """Every function that a body calls, and those of a rule's own functions."""
    bodies = [node.body, *(f.body for f in node.functions)] if isinstance(node, ir.Rule) else [node.body]
    return {n.function for body in bodies for n in ir.walk(body) if isinstance(n, Call)}


def _locals(rule: ir.Rule) -> Iterator[str]:
    loops = (n.variable for n in ir.walk(rule.body) if isinstance(n, ir.For) and n.variable != "_")
    yield from (name for name in dict.fromkeys((*ir.assigned(rule.body), *loops)) if name not in rule.declared)


def _read(value: Expr) -> list[str]:
    return [n.id for n in ir.walk(value) if isinstance(n, Name)]


def _renamed(function: ir.Function, names: dict[str, str], span: ir.Span) -> ir.Function:
    """A function of the callee among the caller's: its calls by their new names; a view becomes a helper."""

    def moved(node: Any) -> Any:
        node = ir.rebuild(node, moved)
        if isinstance(node, Call) and node.function in names:
            node = replace(node, function=names[node.function])
        return replace(node, span=span)

    role = "helper" if function.role == "view" else function.role
    new = replace(function, name=names[function.name], role=role, label=None)
    return moved(new)
