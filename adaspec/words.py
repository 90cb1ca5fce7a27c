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
    table = {name: w.word for name, w in words(spec, target).items() if w.place is None and w.word != name}
    rule, name = _respelt(spec.rule, table), spec.dialect.of.rpartition(".")[2]
    name = f"{name}_" if is_keyword(name) else name
    dialect = replace(spec.dialect, names=tuple(replace(w, name=table.get(w.name, w.name)) for w in spec.dialect.names))
    found = Spec(replace(rule, name=name) if name.islower() else rule, spec.layout, dialect)
    hypers = zip(spec.core.hypers, found.core.hypers, strict=True)
    found.__dict__["hash"] = spec.hash
    found.__dict__["aliases"] = {old.name: new.name for old, new in hypers if old.name != new.name}
    if not name.islower():
        found.__dict__["class_name"] = name
    return found


def own(spec: Spec, target: str) -> dict[str, str]:
    """The rule's own name of everything that `spoken` spells otherwise, by its new name."""
    before, after = spec.core, spoken(spec, target).core
    pairs = [
        *zip(before.hypers, after.hypers, strict=True),
        *zip(before.slots, after.slots, strict=True),
        *zip(before.shared, after.shared, strict=True),
    ]
    return {new.name: old.name for old, new in pairs if new.name != old.name}


def _respelt(rule: ir.Rule, table: dict[str, str]) -> ir.Rule:
    """The rule with every name exchanged throughout; what had a new name before gets a free one."""
    taken = _identifiers(rule) | set(table.values())
    clashes = (_identifiers(rule) & set(table.values())) - table.keys()
    table = table | {name: fresh(name, taken) for name in sorted(clashes)}

    functions = {f.name for f in rule.functions}

    def named(text: Any) -> Any:
        return table.get(text, text) if isinstance(text, str) else text

    def change(node: Any) -> Any:
        node = ir.rebuild(node, change)
        match node:
            case ir.Name():
                return replace(node, id=named(node.id))
            case ir.Assign() | ir.Slot() | ir.Shared() | ir.Hyper() | ir.Input() | ir.Argument():
                node = replace(node, name=named(node.name))
                return replace(node, initial=named(node.initial)) if isinstance(node, ir.Shared) else node
            case ir.Unpack():
                return replace(node, names=tuple(map(named, node.names)))
            case ir.For():
                return replace(node, variable=named(node.variable))
            case ir.Init():
                return replace(node, value=named(node.value), rank=named(node.rank))
            case ir.Function():
                return replace(node, name=named(node.name))
            case ir.Call() if node.function in functions:  # else its options are the vocabulary's
                options = tuple((named(name), value) for name, value in node.options)
                return replace(node, function=named(node.function), options=options)
        return node

    parts = {n: getattr(rule, n) for n in ("slots", "shared", "hypers", "inputs", "functions", "body")}
    new = {name: tuple(change(node) for node in part) for name, part in parts.items()}
    step = None if rule.step is None else named(rule.step)
    return replace(rule, **new, param=named(rule.param), grad=named(rule.grad), step=step, dialects=())


def _identifiers(rule: ir.Rule) -> set[str]:
    """Every name of the rule that holds a value, and those of its functions."""
    found = {*rule.declared, *ir.assigned(rule.body), *ir.names(rule), *(f.name for f in rule.functions)}
    for function in rule.functions:
        found |= {a.name for a in function.arguments} | set(ir.assigned(function.body))
    return found | {n.variable for n in ir.walk(rule) if isinstance(n, ir.For)}
