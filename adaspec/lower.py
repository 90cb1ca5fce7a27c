"""A rule as data for emitters: phases of scalar statements and per-parameter statements, nothing left to decide.

Moving averages are `lerp`s, scalar expressions stand in their accurate forms under names of their own, `total`s split the
step into phases, the parameter's last binding is a `Subtract` where it can be. An emitter prints this in its framework's
idiom.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from . import domains, facts, ir
from .hoist import Hoister
from .ir import Assign, Call, Expr, For, If, Name, Stmt
from .lerp import averages, decrement
from .phases import Phase, Total, split
from .rewrite import Rewriter
from .stage import Env, Stage, Type, joined, signature, typeof
from .text import expression

if TYPE_CHECKING:
    from .spec import Spec


@dataclass(frozen=True)
class Subtract(Stmt):
    """`name = name - value`: the update of the parameter, known by itself."""

    name: str
    value: Expr


@dataclass(frozen=True)
class View:
    """A view: statements over the rule's own names, then the value."""

    label: str
    arguments: tuple[str, ...]
    body: tuple[Stmt, ...]
    value: Expr
    doc: str | None


@dataclass(frozen=True)
class Lowered:
    """Everything that an emitter needs to know of a spec.

    `phases` run in order; `presence` says under which static condition a slot exists; `comments` gives for a scalar name
    the paper's form where the emitted one differs; `types` gives each name's stage and axes; `intervals` where a scalar
    can lie.
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
        return self.spec.rule

    @property
    def uses_step(self) -> bool:
        """Whether t enters any statement; else the counter is kept for its own sake."""
        return self.rule.step is not None and self.rule.step in self._read

    @cached_property
    def _read(self) -> set[str]:
        return set().union(*(ir.names(p.scalars) | ir.names(p.body) for p in self.phases))

    @property
    def reads_param(self) -> bool:
        """Whether the update depends on the parameter's own values (optax calls that needing `params`)."""
        reads: set[str] = set()
        for phase in self.phases:
            reads |= ir.names(phase.body) - ({self.rule.param} if self.sole_update is not None else set())
            if self.sole_update is not None:
                reads |= {n for s in ir.walk(phase.body) for n in _values(s)}
        return self.rule.param in reads or self.sole_update is None

    @cached_property
    def sole_update(self) -> Subtract | None:
        """The one statement that changes the parameter, if it is a `Subtract` that stands last and unconditionally."""
        bound = [s for p in self.phases for s in ir.walk(p.body) if isinstance(s, Assign | Subtract)]
        bound = [s for s in bound if s.name == self.rule.param]
        if len(bound) == 1 and isinstance(bound[0], Subtract) and bound[0] in self.phases[-1].body:
            return bound[0]
        return None

    @property
    def model_wide(self) -> bool:
        """Whether the rule holds a Shared or a total: its steps are the optimizer's, its arrays wait for each other."""
        return bool(self.rule.shared) or any(p.totals for p in self.phases)


def _values(node: ir.Node) -> set[str]:
    return ir.names(node.value) if isinstance(node, Assign | Subtract) else set()


def lower(spec: Spec) -> Lowered:
    rule = spec.rule
    scalars = {h.name for h in rule.hypers} | {s.name for s in rule.shared} | ({rule.step} if rule.step else set())
    taken = scalars | {rule.param, rule.grad, rule.name} | set(rule.state_names) | set(ir.assigned(spec.checked))
    hoister = Hoister(rule, scalars, taken)
    body = hoister.block(spec.checked[:-1])
    env = domains.signature(rule)
    body = Rewriter(scalars, env).block(body)
    body = renumbered(body, hoister, taken)
    body = live(body, {rule.param, *rule.state_names})
    table = type_table(rule, body)
    body = tuple(_updates(_ordered(stmt, table), rule.param) for stmt in body)
    phases, renamed = split(rule, body, type_table(rule, body), taken)
    whole = tuple(s for p in phases for s in (*p.scalars, *p.body))
    totals = {t.name: Type(Stage.SCALAR | Stage.TOTAL) for p in phases for t in p.totals}
    comments = {
        stmt.name: text for stmt in ir.walk(whole) if isinstance(stmt, Assign)
        for text in [hoister.texts.get(stmt.name, "")] if text and text != expression(stmt.value)
    }  # fmt: skip
    return Lowered(
        spec, phases, facts.presence(rule, spec.statements), tuple(facts.asserts(rule, spec.statements)),
        tuple(_view(spec, label) for label in spec.views), comments, type_table(rule, whole, totals), env,
        {s.name: renamed.get(s.name, s.name) for s in rule.shared},
    )  # fmt: skip


def _view(spec: Spec, label: str) -> View:
    function = spec.views[label]
    statements, value = spec.view(label)
    return View(label, tuple(a.name for a in function.arguments), statements, value, function.doc)


def renumbered(body: tuple[Stmt, ...], hoister: Hoister, taken: set[str]) -> tuple[Stmt, ...]:
    """Hoisted scalars that no rewrite improved go back into place, the others are counted from `c1`."""
    back: dict[str, Expr] = {}
    hoisted = set(hoister.named_once)
    for stmt in ir.walk(body):
        if isinstance(stmt, Assign) and stmt.name in hoisted:
            if isinstance(stmt.value, ir.Binary) and expression(stmt.value) == hoister.texts[stmt.name]:
                if not any(isinstance(n, Call) or (isinstance(n, ir.Binary) and n.op == "**") for n in ir.walk(stmt.value)):
                    back[stmt.name] = stmt.value
                    continue
            count = len([v for v in back.values() if isinstance(v, Name)]) + 1
            while f"c{count}" in taken - hoisted:
                count += 1
            back[stmt.name] = Name(f"c{count}")
    texts = {n.id: hoister.texts[old] for old, n in back.items() if isinstance(n, Name)}
    hoister.texts = {n: t for n, t in hoister.texts.items() if n not in hoisted} | texts

    def change(node):
        if isinstance(node, Name) and node.id in back:
            return back[node.id]
        node = ir.rebuild(node, change)
        if isinstance(node, Assign) and isinstance(new := back.get(node.name), Name):
            return replace(node, name=new.id)
        return node

    gone = {name for name, value in back.items() if not isinstance(value, Name)}
    return tuple(change(s) for s in _without(body, gone))


def _without(body: tuple[Stmt, ...], gone: set[str]) -> tuple[Stmt, ...]:
    out: list[Stmt] = []
    for stmt in body:
        if isinstance(stmt, Assign) and stmt.name in gone:
            continue
        if isinstance(stmt, If):
            stmt = replace(stmt, then=_without(stmt.then, gone), otherwise=_without(stmt.otherwise, gone))
        elif isinstance(stmt, For):
            stmt = replace(stmt, body=_without(stmt.body, gone))
        out.append(stmt)
    return tuple(out)


def live(body: tuple[Stmt, ...], wanted: set[str]) -> tuple[Stmt, ...]:
    """`body` without assignments to names that nothing reads."""
    while True:
        used = wanted | ir.names(body)
        new = tuple(s for stmt in body for s in _kept(stmt, used))
        if new == body:
            return body
        body = new


def _kept(stmt: Stmt, used: set[str]) -> tuple[Stmt, ...]:
    match stmt:
        case Assign(name) if name not in used:
            return ()
        case If(_, then, otherwise):
            sides = [tuple(s for inner in side for s in _kept(inner, used)) for side in (then, otherwise)]
            return (replace(stmt, then=sides[0], otherwise=sides[1]),) if sides[0] or sides[1] else ()
        case For(_, body):
            return (replace(stmt, body=tuple(s for inner in body for s in _kept(inner, used))),)
        case ir.Assert():
            return ()  # kept beside the statements, as `Lowered.asserts`
    return (stmt,)


def _updates(stmt: Stmt, param: str) -> Stmt:
    match stmt:
        case Assign(name, value) if name == param:
            change = decrement(value, param)
            return stmt if change is None else Subtract(name, change, span=stmt.span)
        case If(_, then, otherwise):
            return replace(
                stmt, then=tuple(_updates(s, param) for s in then), otherwise=tuple(_updates(s, param) for s in otherwise)
            )
        case For(_, body):
            return replace(stmt, body=tuple(_updates(s, param) for s in body))
    return stmt


def _ordered(node, types: Mapping[str, Type]):
    """`row * col / mean` as `(row / mean) * col`: the product alone may leave float32's range, the quotient does not.

    Done where all three are arrays and the first and the last are smaller than the parameter.
    """
    node = ir.rebuild(node, lambda child: _ordered(child, types))
    match node:
        case ir.Binary("/", ir.Binary("*", a, b), c):
            kinds = [lowered_type(e, dict(types)) for e in (a, b, c)]
            if all(k.is_array and not k.is_full for k in kinds):
                return ir.Binary("*", ir.Binary("/", a, c, span=node.span), b, span=node.span)
    return node


def type_table(rule: ir.Rule, body: tuple[Stmt, ...], known: Mapping[str, Type] | None = None) -> dict[str, Type]:
    """The type of every name; of a name that is bound several times, the join."""
    table: Env = signature(rule) | dict(known or {})
    _types(body, table)
    return table


def _types(body: tuple[Stmt, ...], table: Env) -> None:
    for stmt in body:
        match stmt:
            case Assign(name, value):
                found = lowered_type(value, table)
                table[name] = joined(Stage.STATIC, table[name], found) if name in table else found
            case If(_, then, otherwise):
                _types(then, table)
                _types(otherwise, table)
            case For(_, inner):
                _types(inner, table)


def lowered_type(value: Expr, table: Env) -> Type:
    """`typeof` for lowered expressions: `lerp(v, u, w)` has the type of the sum it stands for, None is narrowed away."""
    env = {name: replace(t, optional=False) for name, t in table.items()}
    return typeof(_plain(value), env)


def _plain(node: Expr) -> Expr:
    node = ir.rebuild(node, _plain)
    if isinstance(node, Call) and node.function == "lerp":
        old, new, weight = node.args
        return ir.Binary("+", old, ir.Binary("*", weight, new))
    return node


__all__ = ["Lowered", "Name", "Phase", "Subtract", "Total", "View", "averages", "lower"]
