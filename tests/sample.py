"""Rules that between them use most of what the language has: what a plain run tries at length, in every manner.

The other rules are tried so by `make every`; a plain run still checks each of them on every target, and `make prove`
beside their originals. The choice is made from the specs themselves, so a spec with a construct that no other has joins
by existing.
"""

from __future__ import annotations

from functools import cache

import adaspec
from adaspec import ir
from adaspec.library import rules

MOST = 11
"""More would cost more than a plain run has; what is left over is tried at length by `make every`."""
ALWAYS = ("adafactor", "adam", "adax", "lamb", "muon", "prodigy", "schedule_free", "momentum")


def constructs(name: str) -> set[object]:
    """Every kind of node, function, option, declaration and view of a rule, and every static condition's kind."""
    rule = adaspec.load(name).rule
    found: set[object] = set()
    for node in ir.walk(rule):
        found.add(type(node))
        match node:
            case ir.Call(function, _, options):
                found.add((function, tuple(o for o, _ in options)))
            case ir.Binary(op) | ir.Unary(op) | ir.Compare(op):
                found.add((type(node), op))
            case ir.Slot(_, init, dtype):
                found.add(("slot", init.kind, init.without, init.scalar, dtype))
            case ir.Hyper(_, kind, default, optional):
                found.add(("hyper", kind, optional, default is None))
            case ir.Function():
                found.add(("function", node.role, len(node.body) > 1))
            case ir.If(test):
                found |= {("if", type(n)) for n in ir.walk(test)}
    return found


@cache
def sample() -> frozenset[str]:
    """A small set of rules with most constructs: greedily the rule that adds most, ties by name."""
    everything = {name: constructs(name) for name in rules()}
    chosen = [name for name in ALWAYS if name in everything]
    missing = set().union(*everything.values()) - set().union(*(everything[name] for name in chosen))
    while missing and len(chosen) < MOST:
        best = max(sorted(everything), key=lambda name: len(everything[name] & missing))
        chosen.append(best)
        missing -= everything[best]
    return frozenset(chosen)
