"""`spec.replace`: another schedule, other defaults, another beginning of a slot; what comes out is a spec like any."""

from __future__ import annotations

import ast
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from . import ir, noise
from .errors import SpecError, suggest
from .expand import matched
from .hypers import check_default
from .ir import Call, Expr, Name
from .parse import Parser, parse_expression
from .source import decode, tree
from .text import canonical

if TYPE_CHECKING:
    from .spec import Spec


def replaced(spec: Spec, changes: dict[str, Any]) -> Spec:
    from .spec import make

    rule = replace(spec.rule, dialects=())
    changes = {name: _plain(value) for name, value in changes.items()}
    numbers = dict(changes)
    fresh: set[str] = set()
    for name, value in changes.items():
        if name in spec.schedules:
            rule, new = _with_schedule(rule, name, value, changes)
            fresh |= new
            del numbers[name]
        elif name in spec.slots:
            rule = _with_slot(rule, name, value)
            del numbers[name]
    for name, value in numbers.items():
        rule = _with_default(rule, name, value, fresh)
    before = _used(spec.rule)
    now = _used(rule)
    gone = {h.name for h in rule.hypers if h.name in before and h.name not in now}
    rule = replace(rule, hypers=tuple(h for h in rule.hypers if h.name not in gone))
    return make(canonical(rule), f"<{spec.name} with {', '.join(changes)}>", quiet=True)


def _plain(value: Any) -> Any:
    """A NumPy scalar or a 0-d array as the Python number that the text of a spec can hold."""
    return value.item() if hasattr(value, "item") and getattr(value, "shape", None) == () else value


def _used(rule: ir.Rule) -> set[str]:
    """The names that the rule reads, at init, directly or through its views (whose arguments are the rule's own)."""
    views = {a.name for f in rule.functions if f.role == "view" for a in f.arguments}
    drawn = any(isinstance(n, Call) and n.function in noise.KINDS for n in ir.walk(rule))
    return ir.names(rule.body) | views | set(rule.read_at_init) | ({noise.SEED} if drawn else set())


def _with_schedule(rule: ir.Rule, name: str, text: Any, changes: dict[str, Any]) -> tuple[ir.Rule, set[str]]:
    if not isinstance(text, str):
        raise SpecError(
            f"the schedule '{name}' is replaced by an expression, given as text", hint=f'{name}="1 - t**-0.8"'
        )
    try:
        value = parse_expression(text)
    except SpecError as error:
        error.locate(f"<{name}>", text.strip())
        raise
    old = rule.function(name)
    assert old is not None
    formal = {a.name: a for a in old.arguments}
    arguments: list[ir.Argument] = []
    passed: dict[str, str] = {}
    fresh: set[str] = set()
    for used in sorted(ir.names(value)):
        if used in formal:
            arguments.append(formal[used])
            continue
        hyper = rule.hyper(used)
        kind = hyper.kind if hyper else "Step" if used == rule.step else None
        if kind is None:
            if used in _known(rule):
                what = f"'{used}' is a name of the rule '{rule.name}', and no hyperparameter"
                raise SpecError(what, hint="a schedule is a function of t and hyperparameters alone")
            if used not in changes:
                known = [*formal, *(h.name for h in rule.hypers)]
                raise SpecError(
                    f"'{used}' is new in the schedule '{name}' and has no default",
                    hint=f"give it one in the same call: {used}=0.8; {suggest(used, known)}",
                )
            kind = _kind_of(used, changes[used])
            fresh.add(used)
        arguments.append(ir.Argument(used, kind, kind != "Step"))
        passed[used] = used
    arguments.sort(key=lambda a: a.keyword)
    new = replace(old, arguments=tuple(arguments), body=(ir.Return((value,)),))

    def rename(node: Any) -> Any:
        node = ir.rebuild(node, rename)
        if not (isinstance(node, Call) and node.function == name):
            return node
        given = {a.name: v for a, v in matched(node, old)}
        values: dict[str, Expr] = {a.name: given.get(a.name, Name(passed.get(a.name, a.name))) for a in arguments}
        return Call(
            name,
            tuple(values[a.name] for a in arguments if not a.keyword),
            tuple((a.name, values[a.name]) for a in arguments if a.keyword),
        )

    functions = tuple(new if f is old else rename(f) for f in rule.functions)
    return replace(rule, functions=functions, body=tuple(rename(s) for s in rule.body)), fresh


def _known(rule: ir.Rule) -> set[str]:
    """Every name that means something to the rule."""
    return {rule.name, *rule.declared, *ir.assigned(rule.body), *(f.name for f in rule.functions)}


def _with_slot(rule: ir.Rule, name: str, text: Any) -> ir.Rule:
    if not isinstance(text, str):
        raise SpecError(f"the slot '{name}' is replaced by an initialiser, given as text", hint=f'{name}="full(0.1)"')
    try:
        text = decode(text).strip()
        match tree(text).body:
            case [ast.Expr(value)]:
                init = Parser(text).init(value)
            case _:
                raise ValueError("no expression alone")
    except ValueError as error:
        if isinstance(error, SpecError):
            error.locate(f"<{name}>", text)
            raise
        raise SpecError(f"not an initialiser: {text[:40]!r}", hint="zeros, ones, full(c), copy, first_grad") from None
    return replace(rule, slots=tuple(replace(s, init=init) if s.name == name else s for s in rule.slots))


def _with_default(rule: ir.Rule, name: str, value: Any, fresh: set[str]) -> ir.Rule:
    hyper = rule.hyper(name)
    if hyper is None and name in fresh:
        return replace(rule, hypers=(*rule.hypers, ir.Hyper(name, _kind_of(name, value), value)))
    if hyper is None:
        known = [h.name for h in rule.hypers] + [f.name for f in rule.functions if f.role == "schedule"]
        known += [s.name for s in rule.slots]
        raise SpecError(f"{rule.name} has no '{name}'", hint=suggest(name, known))
    if isinstance(value, str):
        raise SpecError(f"the hyperparameter '{name}' takes a number, not text", hint=f"{name}=0.1")
    new = replace(hyper, default=value)
    check_default(name, hyper.kind, hyper.optional, value, ir.NOWHERE)
    return replace(rule, hypers=tuple(new if h is hyper else h for h in rule.hypers))


def _kind_of(name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SpecError(f"the default of '{name}' is {value!r}, no finite number", hint=f"{name}=0.8")
    return "Positive" if value > 0 else "Rate" if value == 0 else "Real"
