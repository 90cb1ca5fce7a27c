"""Which scalar statements are needed, and which names they need from outside."""

from __future__ import annotations

from dataclasses import replace

from adaspec import ir
from adaspec.ir import Assign, For, If, Stmt


def needed(body: tuple[Stmt, ...], wanted: set[str]) -> tuple[Stmt, ...]:
    """The statements that the wanted names depend on at the end of the body."""
    kept: list[Stmt] = []
    wanted = set(wanted)
    for stmt in reversed(body):
        names = set(ir.assigned((stmt,)))
        if not names & wanted:
            continue
        if isinstance(stmt, If):
            stmt = replace(stmt, then=needed(stmt.then, wanted), otherwise=needed(stmt.otherwise, wanted))
            names = settled((stmt,))
        elif isinstance(stmt, For):  # it may run no time at all
            names = set()
        wanted = (wanted - names) | ir.names(stmt)
        kept.append(stmt)
    return tuple(reversed(kept))


def unbound(body: tuple[Stmt, ...]) -> set[str]:
    """The names that are read before they are bound."""
    free: set[str] = set()
    bound: set[str] = set()
    for stmt in body:
        match stmt:
            case Assign(name, value):
                free |= ir.names(value) - bound
                bound.add(name)
            case If(test, then, otherwise):
                free |= (ir.names(test) | unbound(then) | unbound(otherwise)) - bound
                bound |= settled(then) & settled(otherwise)
            case _:
                free |= ir.names(stmt) - bound
    return free


def settled(body: tuple[Stmt, ...]) -> set[str]:
    """The names that every path through the body binds: behind it their values from before are not needed."""
    names = {s.name for s in body if isinstance(s, Assign)}
    return names.union(*(settled(s.then) & settled(s.otherwise) for s in body if isinstance(s, If)))
