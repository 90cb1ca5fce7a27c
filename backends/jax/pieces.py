"""Whether a rule makes the same of a parameter's pieces as of the whole: then several may go as one vector."""

from __future__ import annotations

from adaspec import ir
from adaspec.lower import Lowered
from adaspec.vocabulary import FUNCTIONS

from .printer import about_shape

PLAIN = ("lerp",)
"""What lowering adds to the vocabulary, all of it elementwise."""


def whole_only(lowered: Lowered) -> str:
    """Why a rule needs every parameter by itself, as a sentence without its subject; empty where it does not."""
    if small := [s.name for s in lowered.rule.slots if not s.init.whole]:
        return f"keeps '{small[0]}', which is not of its parameter's shape"
    if lowered.draws:
        return "draws noise for each parameter"
    tests = [fact for pair in lowered.asserts for fact in (pair[0], pair[1].test)]
    if any(about_shape(fact) for fact in (*tests, *lowered.presence.values())):
        return "asks for the shape of a parameter"
    parts: list[ir.Node] = [s for p in lowered.phases for s in p.body]
    parts += [_summand(t.value) for p in lowered.phases for t in p.totals]
    for view in lowered.views:
        parts += [*view.body, view.value, *(s for part in view.sums for s in part.body)]
        parts += [_summand(part.value) for part in view.sums]
    return next((why for part in parts for n in ir.walk(part) if (why := _looks_beyond(n))), "")


def _summand(value: ir.Expr) -> ir.Expr:
    """Of a sum over the model what is summed: a sum of sums is the sum of all."""
    match value:
        case ir.Call("sum", (inner,), ()):
            return inner
    return value


def _looks_beyond(node: ir.Node) -> str:
    match node:
        case ir.Ndim() | ir.Dim() | ir.Size() | ir.FanIn() | ir.FanOut():
            return "looks at the shape of a parameter"
        case ir.Binary("@") | ir.Transpose() | ir.Index():
            return "looks at the axes of a parameter"
        case ir.Call(function=name) if name not in PLAIN and FUNCTIONS[name].group != "elementwise":
            return f"looks at a parameter as a whole ('{name}')"
    return ""
