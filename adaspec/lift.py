"""Static facts that a real branch binds stand in front of it: there, no target has to carry them through the branch."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from . import ir
from .facts import is_fact
from .ir import Assign, For, If, Stmt, When


def lifted(rule: ir.Rule, body: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
    """`body` with every fact of the shape or a flag that is bound once, in a real branch, bound in front of it."""
    if not any(isinstance(n, When) for n in ir.every_statement(body)):
        return body
    count = Counter(n.name for n in ir.every_statement(body) if isinstance(n, Assign))
    return _block(rule, body, {name for name, times in count.items() if times == 1})


def _block(rule: ir.Rule, body: tuple[Stmt, ...], once: set[str]) -> tuple[Stmt, ...]:
    out: list[Stmt] = []
    for stmt in body:
        match stmt:
            case If(then=then, otherwise=otherwise):
                sides = [_block(rule, side, once) for side in (then, otherwise)]
                if isinstance(stmt, When):
                    facts = [s for side in sides for s in side if _is_fact(rule, s, once)]
                    out += facts
                    sides = [tuple(s for s in side if s not in facts) for side in sides]
                out.append(replace(stmt, then=sides[0], otherwise=sides[1]))
            case For(body=inner):
                out.append(replace(stmt, body=_block(rule, inner, once)))
            case _:
                out.append(stmt)
    return tuple(out)


def _is_fact(rule: ir.Rule, stmt: Stmt, once: set[str]) -> bool:
    return isinstance(stmt, Assign) and stmt.name in once and is_fact(rule, stmt.value, {})
