"""A rule as data for emitters: phases of scalar statements and statements per parameter, nothing left to decide.

Moving averages are `lerp`s, scalar expressions stand in their accurate forms under names of their own, `total`s split
the step into phases, the parameter's bindings are `Subtract`s where they can be. An emitter prints this in its
framework's idiom.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING

from . import domains, facts, ir
from .frozen import frozen
from .hoist import Hoister
from .ir import Assign, Expr
from .phases import Phase, Total, split
from .rewrite import Rewriter
from .table import lowered_type, type_table
from .text import expression
from .tidy import Subtract, live, ordered, renumbered, updates
from .types import Stage, Type
from .versions import separated
from .views import View, view

if TYPE_CHECKING:
    from .spec import Spec


@frozen
class Lowered:
    """Everything that an emitter needs to know of a spec.

    `phases` run in order; `presence` says under which static condition a slot exists; `comments` gives for a scalar
    name the paper's form where the emitted one differs; `types` gives each name's stage and axes; `intervals` where a
    scalar can lie.
    """

    spec: Spec
    phases: tuple[Phase, ...]
    presence: Mapping[str, Expr]
    asserts: tuple[tuple[Expr, ir.Assert], ...]
    views: tuple[View, ...]
    comments: Mapping[str, str]
    types: Mapping[str, Type]
    intervals: domains.Intervals
    shared_values: Mapping[str, str] = field(default_factory=dict)
    """For each Shared the name that holds its new value after the last phase (usually its own)."""

    @property
    def rule(self) -> ir.Rule:
        return self.spec.core

    @cached_property
    def draws(self) -> bool:
        """Whether a statement draws noise, so that each parameter needs its place in the tree."""
        return any(
            isinstance(n, ir.Draw) for p in self.phases for n in ir.walk((*p.body, *(t.value for t in p.totals)))
        )

    @property
    def uses_step(self) -> bool:
        """Whether t enters any statement; else the counter is kept for its own sake."""
        return self.rule.step is not None and self.rule.step in self._read

    @property
    def reads_param(self) -> bool:
        """Whether the update depends on the parameter's own values (optax calls that needing `params`)."""
        return self.sole_update is None or self.rule.param in self._read

    @cached_property
    def _read(self) -> set[str]:
        """Every name that a statement or a total reads; what a `Subtract` is subtracted from does not count."""
        whole = [(*p.scalars, *p.body) for p in self.phases]
        return set().union(*map(ir.names, whole), *(ir.names(t.value) for p in self.phases for t in p.totals))

    @cached_property
    def sole_update(self) -> Subtract | None:
        """The one statement that changes the parameter, if it is a `Subtract` that stands last and unconditionally."""
        bound = [s for p in self.phases for s in ir.every_statement(p.body) if isinstance(s, Assign | Subtract)]
        bound = [s for s in bound if s.name == self.rule.param]
        if len(bound) == 1 and isinstance(bound[0], Subtract) and bound[0] in self.phases[-1].body:
            return bound[0]
        return None

    @property
    def model_wide(self) -> bool:
        """Whether the rule holds a Shared or a total, so that its arrays wait for each other."""
        return bool(self.rule.shared) or any(p.totals for p in self.phases)


def lower(spec: Spec) -> Lowered:
    rule = spec.core
    scalars = set(rule.numbers)
    taken = {rule.name, *rule.declared, *ir.assigned(spec.checked)}
    hoister = Hoister(rule, scalars, taken)
    body = hoister.block(spec.checked[:-1])
    body = Rewriter(scalars, domains.signature(rule)).block(body)
    body, texts = renumbered(body, hoister, taken)
    wanted = {rule.param, *rule.state_names}
    body = live(separated(rule, live(body, wanted), taken), wanted)
    table = type_table(rule, body)
    body = tuple(updates(ordered(stmt, table), rule.param) for stmt in body)
    phases, renamed = split(rule, body, type_table(rule, body), taken)
    whole = tuple(s for p in phases for s in (*p.scalars, *p.body))
    intervals = domains.signature(rule)
    domains.everywhere(whole, intervals)
    totals = {t.name: Type(Stage.SCALAR | Stage.TOTAL) for p in phases for t in p.totals}
    bound = [stmt for stmt in ir.every_statement(whole) if isinstance(stmt, Assign)]
    often = {n for n, count in Counter(stmt.name for stmt in bound).items() if count > 1}
    comments = {
        stmt.name: text for stmt in bound if stmt.name not in often
        for text in [texts.get(stmt.name, "")] if text and text != expression(stmt.value)
    }  # fmt: skip
    return Lowered(
        spec, phases, facts.presence(rule, spec.statements), tuple(facts.asserts(rule, spec.statements)),
        tuple(view(spec, label, taken) for label in spec.views), comments, type_table(rule, whole, totals), intervals,
        {s.name: renamed.get(s.name, s.name) for s in rule.shared},
    )  # fmt: skip


__all__ = ["Lowered", "Phase", "Subtract", "Total", "View", "lower", "lowered_type"]
