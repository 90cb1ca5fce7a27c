"""The types of the names of a lowered body, whose expressions hold `lerp` beside the vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from . import ir
from .ir import Assign, Call, Expr, For, If, Stmt
from .stage import Env, Stage, Type, joined, signature, typeof


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


def lowered_type(value: Expr, table: Mapping[str, Type]) -> Type:
    """`typeof` for lowered expressions: a `lerp` has the type of the sum it stands for, None is narrowed away."""
    env = {name: replace(t, optional=False, nullable=True, mixed=False) for name, t in table.items()}
    return typeof(_plain(value), env)


def _plain(node: Expr) -> Expr:
    node = ir.rebuild(node, _plain)
    if isinstance(node, Call) and node.function == "lerp":
        old, new, weight = node.args
        return ir.Binary("+", old, ir.Binary("*", weight, new))
    return node
