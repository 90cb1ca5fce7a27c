"""The small passes of lowering: dead bindings go, scalars get final names, products a safe order, updates a form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from . import ir
from .frozen import frozen
from .hoist import Hoister
from .ir import Assign, Binary, Call, Expr, For, If, Name, Stmt
from .lerp import decrement
from .table import lowered_type
from .text import expression
from .types import Type


@frozen
class Subtract(Stmt):
    """`name = name - value`: the update of the parameter, known by itself."""

    name: str
    value: Expr


def renumbered(body: tuple[Stmt, ...], hoister: Hoister, taken: set[str]) -> tuple[tuple[Stmt, ...], dict[str, str]]:
    """Hoisted scalars that no rewrite improved go back into place, the others are counted from `c1`.

    Also returns, for each scalar name, the text from which it was computed before any rewrite.
    """
    hoisted = set(hoister.named_once)
    found = [s for s in ir.every_statement(body) if isinstance(s, Assign) and s.name in hoisted]
    free = (name for n in range(1, len(found) + len(taken) + 2) if (name := f"c{n}") not in taken - hoisted)
    back: dict[str, Expr] = {}
    for stmt in found:
        plain = expression(stmt.value) == hoister.texts[stmt.name] and not _costly(stmt.value)
        back[stmt.name] = stmt.value if plain else Name(next(free))
    texts = {n: t for n, t in hoister.texts.items() if n not in hoisted}
    texts |= {n.id: hoister.texts[old] for old, n in back.items() if isinstance(n, Name)}

    def change(node: Any) -> Any:
        if isinstance(node, Name) and node.id in back:
            return back[node.id]
        node = ir.rebuild(node, change)
        if isinstance(node, Assign) and isinstance(new := back.get(node.name), Name):
            return replace(node, name=new.id)
        return node

    gone = {name for name, value in back.items() if not isinstance(value, Name)}
    return tuple(change(s) for s in _without(body, gone)), texts


def _costly(node: Expr) -> bool:
    return any(isinstance(n, Call) or (isinstance(n, Binary) and n.op == "**") for n in ir.walk(node))


def _without(body: tuple[Stmt, ...], gone: set[str]) -> tuple[Stmt, ...]:
    out: list[Stmt] = []
    for stmt in body:
        match stmt:
            case Assign(name) if name in gone:
                continue
            case If(_, then, otherwise):
                stmt = replace(stmt, then=_without(then, gone), otherwise=_without(otherwise, gone))
            case For(_, inner):
                stmt = replace(stmt, body=_without(inner, gone))
        out.append(stmt)
    return tuple(out)


def live(body: tuple[Stmt, ...], wanted: set[str]) -> tuple[Stmt, ...]:
    """`body` without assertions (they are kept beside it) and without bindings of names that nothing reads."""
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
            return ()
    return (stmt,)


def updates(stmt: Stmt, param: str) -> Stmt:
    """The statement with each binding of the parameter as a `Subtract`, where it can be one."""
    match stmt:
        case Assign(name, value) if name == param:
            change = decrement(value, param)
            return stmt if change is None else Subtract(name, change, span=stmt.span)
        case If(_, then, otherwise):
            sides = [tuple(updates(s, param) for s in side) for side in (then, otherwise)]
            return replace(stmt, then=sides[0], otherwise=sides[1])
        case For(_, body):
            return replace(stmt, body=tuple(updates(s, param) for s in body))
    return stmt


def ordered(node: Any, types: Mapping[str, Type]) -> Any:
    """`row * col / mean` as `(row / mean) * col`: the product alone may leave float32's range, the quotient does not.

    Done where all three are arrays, all smaller than the parameter.
    """
    node = ir.rebuild(node, lambda child: ordered(child, types))
    match node:
        case Binary("/", Binary("*", a, b), c):
            kinds = [lowered_type(e, types) for e in (a, b, c)]
            if all(k.is_array and not k.is_full for k in kinds):
                return Binary("*", Binary("/", a, c, span=node.span), b, span=node.span)
    return node
