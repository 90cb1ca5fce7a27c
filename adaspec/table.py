"""The types of the names of a lowered body, whose expressions hold `lerp` beside the vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from . import ir
from .ir import Assign, Call, Expr, For, If, Name, Stmt
from .stage import typeof
from .types import Env, Stage, Type, joined, signature


def type_table(
    rule: ir.Rule, body: tuple[Stmt, ...], known: Mapping[str, Type] | None = None, loops: bool = True
) -> dict[str, Type]:
    """The type of every name; of a name that is bound several times, the join.

    A number that is bound under a condition on the shape is one per parameter; so is, with `loops`, one that is bound
    in a loop beside arrays, since such a loop runs for each parameter.
    """
    table: Env = signature(rule) | dict(known or {})
    while True:
        before = dict(table)
        _types(body, table, Stage.STATIC, loops)
        if table == before:  # what a loop or a later binding does to a name reaches those that read it
            return table


def _types(body: tuple[Stmt, ...], table: Env, inside: Stage, loops: bool) -> None:
    for stmt in body:
        match stmt:
            case Assign(name, value):
                found = lowered_type(value, table)
                found = found if found.dims else replace(found, stage=found.stage | inside)
                table[name] = joined(Stage.STATIC, table[name], found) if name in table else found
            case If(test, then, otherwise):
                stage = lowered_type(test, table).stage
                # What a real branch binds is known no sooner than its condition.
                here = inside | (stage if isinstance(stmt, ir.When) else stage & Stage.SHAPE)
                _types(then, table, here, loops)
                _types(otherwise, table, here, loops)
            case For(count, inner):
                here = inside | (lowered_type(count, table).stage & Stage.SHAPE)
                _types(inner, table, here, loops)
                if loops and not all(table[n].stage.shared for n in bound(inner)):
                    _types(inner, table, here | Stage.SHAPE, loops)


def bound(body: tuple[Stmt, ...]) -> list[str]:
    """Every name that a lowered body binds, by an assignment or by an update of the parameter."""
    names = (getattr(n, "name", None) for n in ir.every_statement(body))
    return list(dict.fromkeys(n for n in names if n is not None))


def lowered_type(value: Expr, table: Mapping[str, Type]) -> Type:
    """`typeof` for lowered expressions: a `lerp` has the type of the sum it stands for, None is narrowed away."""
    env: Env = {}
    plain = True
    for node in ir.walk(value):
        if isinstance(node, Name):
            if node.id in table:
                env[node.id] = _narrowed(table[node.id])
        elif isinstance(node, Call) and node.function == "lerp":
            plain = False
    return typeof(value if plain else _plain(value), env)


@cache
def _narrowed(found: Type) -> Type:
    return replace(found, optional=False, nullable=True, mixed=False)


def _plain(node: Expr) -> Expr:
    node = ir.rebuild(node, _plain)
    if isinstance(node, Call) and node.function == "lerp":
        old, new, weight = node.args
        return ir.Binary("+", old, ir.Binary("*", weight, new))
    return node
