"""`adaspec show`: everything that can be asked of one spec."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from .. import ir
from ..constructs import constructs
from ..emit import domain_text
from ..latex import latex
from ..spec import Spec
from ..text import hyper as hyper_text
from ..text import init as init_text
from .finding import find
from .terminal import code, console, print_json, put, safe, table

TIMES = (1, 10, 100, 1000, 10**6)
SHAPES = ((), (512,), (512, 256), (64, 32, 3, 3))


def run(typed: str, as_json: bool, as_latex: bool) -> int:
    spec, _ = find(typed)
    if as_latex:
        print(latex(spec))
        return 0
    if as_json:
        print_json(facts(spec))
        return 0
    out = console()
    code(out, spec.text)
    for section in (_hypers, _inputs, _state, _schedules, _views, _dialects, _words):
        section(out, spec)
    out.print()
    out.print(Text.assemble(("uses ", "note"), ", ".join(constructs(spec))), soft_wrap=True)
    out.print(Text.assemble(("hash ", "note"), spec.hash), soft_wrap=True)
    return 0


def facts(spec: Spec) -> dict[str, Any]:
    """What `show --json` prints."""
    return {
        "name": spec.name,
        "class_name": spec.class_name,
        "title": spec.title,
        "reference": spec.reference,
        "hash": spec.hash,
        "constructs": constructs(spec),
        "text": spec.text,
        "hypers": [
            {"name": h.name, "kind": h.kind, "optional": h.optional, "domain": domain_text(h), "default": h.default}
            for h in spec.hypers.values()
        ],
        "inputs": [
            {"name": i.name, "kind": input_kind(i), "optional": i.optional, "view": i.view}
            for i in spec.inputs.values()
        ],
        "slots": [{"name": s.name, "init": init_text(s.init), "dtype": s.dtype} for s in spec.slots.values()],
        "shared": [{"name": s.name, "initial": s.initial} for s in spec.shared.values()],
        "schedules": {name: {"doc": f.doc, "values": values(spec, name)} for name, f in spec.schedules.items()},
        "views": {label: {"function": f.name, "doc": f.doc} for label, f in spec.views.items()},
        "dialects": {name: dict(given) for name, given in spec.dialects.items()},
        "names": None if spec.dialect is None else {w.name: w.word and w.spelt for w in spec.dialect.names},
    }


def values(spec: Spec, schedule: str) -> dict[str, float] | None:
    """A schedule at some steps, with the defaults; None where an argument of it is no hyperparameter."""
    try:
        return {str(t): spec.evaluate(schedule, t) for t in TIMES}
    except TypeError:
        return None


def number(value: float) -> str:
    """Six digits; near 1 the distance to it, which is what a decay is about."""
    if 0.9999 < value < 1:
        return f"1 - {1 - value:.2g}"
    return f"{value:.6g}"


def _hypers(out: Console, spec: Spec) -> None:
    if not spec.hypers:
        return
    rows = table("hyperparameter", "default", "kind", "domain", right=("default",))
    for h in spec.hypers.values():
        kind = hyper_text(h).partition(": ")[2].partition(" = ")[0]
        rows.add_row(Text(h.name, "name"), Text(f"{h.default}"), Text(kind), Text(domain_text(h), "note"))
    out.print()
    put(out, rows)


def input_kind(i: ir.Input) -> str:
    return "number" if i.scalar else "array"


def _inputs(out: Console, spec: Spec) -> None:
    if not spec.inputs:
        return
    rows = table("input of a step", "kind", "what it is")
    for i in spec.inputs.values():
        what = f"the gradient at the view {i.view}" if i.view else ""
        what += ("; " if what else "") + "may be left out" if i.optional else ""
        kind = "one number for the model" if i.scalar else "an array like each parameter"
        rows.add_row(Text(i.name, "name"), Text(kind), Text(what, "note"))
    out.print()
    put(out, rows)


def _state(out: Console, spec: Spec) -> None:
    """The slots of arrays of several ranks, and how much they take: what a slot costs depends on the shape."""
    if spec.shared:
        shared = table("one per model", "begins as", right=("begins as",))
        for s in spec.shared.values():
            shared.add_row(Text(s.name, "name"), Text(s.initial if isinstance(s.initial, str) else f"{s.initial:g}"))
        out.print()
        put(out, shared)
    if not spec.slots:
        return
    rows = table("slot", "begins as", *(f"x {shape_text(s)}" for s in SHAPES))
    states = [_states(spec, shape) for shape in SHAPES]
    for name, slot in spec.slots.items():
        cells = [_cell(state, name) for state in states]
        rows.add_row(Text(name, "name"), Text(init_text(slot.init)), *cells)
    rows.add_row(
        Text("in all, × x", "note"), "", *(_total(state, shape) for state, shape in zip(states, SHAPES, strict=True))
    )
    out.print()
    put(out, rows)


def _states(spec: Spec, shape: tuple[int, ...]) -> Mapping[str, Any] | None:
    """The slots of a parameter of this shape; None where the rule refuses it."""
    try:
        spec.check_shape(shape)
    except ValueError:
        return None
    return spec.state(shape)


def _cell(state: Mapping[str, Any] | None, name: str) -> Text:
    if state is None:
        return Text("refused", "note")
    return Text(shape_text(state[name].shape)) if name in state else Text("absent", "note")


def _total(state: Mapping[str, Any] | None, shape: tuple[int, ...]) -> Text:
    if state is None:
        return Text("")
    ratio = sum(math.prod(s.shape) for s in state.values()) / math.prod(shape)
    return Text(f"{ratio:.3g}", "note")


def shape_text(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "0-d"


def _schedules(out: Console, spec: Spec) -> None:
    if not spec.schedules:
        return
    steps = [f"t = {t:,}" for t in TIMES]
    rows = table("schedule", *steps, right=tuple(steps))
    for name in spec.schedules:
        found = values(spec, name)
        cells = ["-"] * len(TIMES) if found is None else [number(v) for v in found.values()]
        rows.add_row(Text(name, "name"), *cells)
    out.print()
    put(out, rows)


def _views(out: Console, spec: Spec) -> None:
    if not spec.views:
        return
    rows = table("view", "what it is")
    for label, function in spec.views.items():
        rows.add_row(Text(safe(label), "name"), Text(safe(function.doc or function.name)))
    out.print()
    put(out, rows)


def _dialects(out: Console, spec: Spec) -> None:
    if not spec.dialects:
        return
    rows = table("dialect", "is this rule with", "and then equals")
    for dialect in spec.rule.dialects:
        given = ", ".join(f"{s.name}={s.value!r}" for s in dialect.settings) or "its defaults"
        rows.add_row(Text(safe(dialect.name), "name"), Text(given), Text(dialect.of or ""))
    out.print()
    put(out, rows)


def _words(out: Console, spec: Spec) -> None:
    """What the original of a dialect calls things: so is it built for the framework of that."""
    if spec.dialect is None or not spec.dialect.names:
        return
    rows = table("here", f"in {safe(str(spec.dialect.of))}", "what it is")
    for word in spec.dialect.names:
        kind = "hyperparameter" if word.name in spec.hypers else "counter" if word.name == "step" else "state"
        fixed = f"fixed: {spec.defaults[word.name]}" if word.name in spec.hypers else "not counted"
        there = Text(fixed, "note") if word.word is None else Text(word.spelt, "name")
        rows.add_row(Text(word.name, "name"), there, Text(kind, "note"))
    out.print()
    put(out, rows)
