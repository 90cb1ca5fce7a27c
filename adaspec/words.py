"""A rule in the words of the implementation that it equals: `spoken(load("rmsprop:torch"), "torch")` says `alpha`.

A dialect may say what its original calls our hyperparameters, slots and Shareds (`names=dict(decay="alpha")`). For the
framework of that original the rule is emitted in those words, under its name: a class that takes the same arguments,
keeps its state under the same keys, and reads its checkpoints. Everywhere else the names are the rule's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from . import ir
from .naming import fresh
from .source import is_keyword
from .spec import Spec

FRAMEWORKS = {"optax": "jax", "keras": "tensorflow"}
"""The target that an original's library belongs to; all others are torch's."""


def home(spec: Spec) -> str | None:
    """The target whose native optimizer the spec is, as loaded: "torch" for `adam:torch`; None for a plain rule."""
    if spec.dialect is None or spec.dialect.of is None:
        return None
    return FRAMEWORKS.get(spec.dialect.of.partition(".")[0], "torch")


def words(spec: Spec, target: str) -> Mapping[str, ir.Word]:
    """By the rule's own names, what the target's native optimizer calls them; empty where it calls them nothing."""
    if spec.dialect is None or home(spec) != target:
        return {}
    return {word.name: word for word in spec.dialect.names}


@lru_cache(maxsize=512)
def spoken(spec: Spec, target: str) -> Spec:
    """The spec as a target reads it (`laid_out`), in the words and under the name of the native optimizer that it is.

    It means the same and keeps the hash: what is saved of the one is the state of the other.
    """
    spec = spec.laid_out(target)
    if spec.dialect is None or spec.dialect.of is None or home(spec) != target:
        return spec
    given = words(spec, target)
    table = _table(spec, given)
    fixed = {h.name: h.default for h in spec.rule.hypers if h.name in given and given[h.name].word is None}
    rule, name = _respelt(spec.rule, table, fixed), spec.dialect.of.rpartition(".")[2]
    name = f"{name}_" if is_keyword(name) else name
    dialect = replace(spec.dialect, names=tuple(replace(w, name=table.get(w.name, w.name)) for w in spec.dialect.names))
    found = Spec(replace(rule, name=name) if name.islower() else rule, spec.layout, dialect)
    found.__dict__["hash"] = spec.hash
    found.__dict__["aliases"] = {old: new for old, new in table.items() if old in spec.hypers}
    if not name.islower():
        found.__dict__["class_name"] = name
    return found


def renamed(spec: Spec, target: str) -> Mapping[str, str]:
    """By the rule's own names of hyperparameters, slots and Shareds, those of `spoken`; without what is fixed there."""
    given = words(spec, target)
    table = _table(spec, given)
    every = [*spec.hypers, *(s.name for s in spec.core.slots), *spec.shared]
    return {name: table.get(name, name) for name in every if name not in given or given[name].word is not None}


def _table(spec: Spec, table: Mapping[str, ir.Word]) -> dict[str, str]:
    """The new name of what is spelt otherwise; state that shares its word with a hyperparameter keeps its own."""
    own = set(spec.hypers)
    first = {w.word for name, w in table.items() if name in own and w.place is None} | (own - table.keys())
    found: dict[str, str] = {}
    for name, w in table.items():
        if w.word is not None and w.place is None and w.word != name and (name in own or w.word not in first):
            found[name] = w.word
    return found


def _respelt(rule: ir.Rule, table: dict[str, str], fixed: Mapping[str, Any]) -> ir.Rule:
    """The rule with every name exchanged throughout, and with the value of each hyperparameter that is `fixed`.

    What had a new name before gets a free one.
    """
    taken = _identifiers(rule) | set(table.values())
    clashes = (_identifiers(rule) & set(table.values())) - table.keys()
    table = table | {name: fresh(name, taken) for name in sorted(clashes)}
    functions = {f.name for f in rule.functions}

    def named(text: Any) -> Any:
        return table.get(text, text) if isinstance(text, str) else text

    def begun(value: Any) -> Any:
        return fixed.get(value, named(value)) if isinstance(value, str) else value

    def change(node: Any) -> Any:
        if isinstance(node, ir.Function):
            own = {a.name for a in node.arguments}
            return changed(node, {name: value for name, value in fixed.items() if name not in own})
        return changed(node, fixed)

    def changed(node: Any, fixed: Mapping[str, Any]) -> Any:
        node = ir.rebuild(node, lambda part: changed(part, fixed))
        match node:
            case ir.Name(id=name) if name in fixed:
                return _literal(fixed[name], node.span)
            case ir.Compare("is" | "is not" as op, ir.Number() | ir.Constant() as given):
                nothing = isinstance(given, ir.Constant) and given.value is None
                return ir.Constant(nothing == (op == "is"), span=node.span)
            case ir.Binary() | ir.Choose():
                return _less(node)
            case ir.Name():
                return replace(node, id=named(node.id))
            case ir.Assign() | ir.Slot() | ir.Shared() | ir.Hyper() | ir.Input() | ir.Argument():
                node = replace(node, name=named(node.name))
                return replace(node, initial=begun(node.initial)) if isinstance(node, ir.Shared) else node
            case ir.Unpack():
                return replace(node, names=tuple(map(named, node.names)))
            case ir.For():
                return replace(node, variable=named(node.variable))
            case ir.Init():
                return replace(node, value=begun(node.value), rank=begun(node.rank))
            case ir.Function():
                return replace(node, name=named(node.name))
            case ir.Call() if node.function in functions:  # else its options are the vocabulary's
                options = tuple((named(name), value) for name, value in node.options)
                return replace(node, function=named(node.function), options=options)
        return node

    parts = {n: getattr(rule, n) for n in ("slots", "shared", "hypers", "inputs", "functions", "body")}
    new = {name: tuple(change(node) for node in part) for name, part in parts.items()}
    new["body"] = tuple(s for s in new["body"] if not (isinstance(s, ir.Assign) and s.value == ir.Name(s.name)))
    new["hypers"] = tuple(h for h in new["hypers"] if h.name not in fixed)
    step = None if rule.step is None else named(rule.step)
    return replace(rule, **new, param=named(rule.param), grad=named(rule.grad), step=step, dialects=())


def _identifiers(rule: ir.Rule) -> set[str]:
    """Every name of the rule that holds a value, and those of its functions."""
    found = {*rule.declared, *ir.assigned(rule.body), *ir.names(rule), *(f.name for f in rule.functions)}
    for function in rule.functions:
        found |= {a.name for a in function.arguments} | set(ir.assigned(function.body))
    return found | {n.variable for n in ir.walk(rule) if isinstance(n, ir.For)}


def _less(node: ir.Expr) -> ir.Expr:
    """Without what the original has not: it reads no factor of a 0, and nothing on the way not taken."""
    match node:
        case ir.Binary("*", ir.Number(0) as zero, _) | ir.Binary("*", _, ir.Number(0) as zero):
            return zero
        case ir.Binary("+", ir.Number(0), rest) | ir.Binary("+" | "-", rest, ir.Number(0)):
            return rest
        case ir.Binary("*", ir.Number(1), rest) | ir.Binary("*" | "/", rest, ir.Number(1)):
            return rest
        case ir.Choose(test=ir.Constant(True), then=chosen) | ir.Choose(test=ir.Constant(False), otherwise=chosen):
            return chosen
    return node


def _literal(value: Any, span: ir.Span) -> ir.Expr:
    return ir.Constant(value, span=span) if value is None or isinstance(value, bool) else ir.Number(value, span=span)
