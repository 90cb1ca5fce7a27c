"""What goes into a real branch and what comes out of it, for targets where each of its sides is a function."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set

from .ir import For, If, Number, Stmt, When
from .table import bound


def settled(body: Iterable[Stmt], known: Set[str]) -> set[str]:
    """`known` and the names that `body` binds on every way through it."""
    found = set(known)
    for stmt in body:
        match stmt:
            case If(then=then, otherwise=otherwise):
                found |= settled(then, found) & settled(otherwise, found)
            case For(count, inner):
                if isinstance(count, Number) and count.value >= 1:
                    found = settled(inner, found)
            case _:
                found |= set(bound((stmt,)))
    return found


def passed(stmt: When, known: Set[str]) -> tuple[list[str], list[str]]:
    """Of the names that the branch binds, those that have a value in front of it, and those that have one behind it.

    The first are what each side is given, the second, all of the first among them, what it returns. `known` are the
    names that have a value in front.
    """
    behind = settled((stmt,), known)
    names = bound((stmt,))
    return [n for n in names if n in known], [n for n in names if n in behind]


def returned(body: Iterable[Stmt], known: Set[str]) -> Iterator[str]:
    """Every name that some real branch in `body` returns: what it holds is decided at each step."""
    now = set(known)
    for stmt in body:
        match stmt:
            case If(then=then, otherwise=otherwise):
                if isinstance(stmt, When):
                    yield from passed(stmt, now)[1]
                for side in (then, otherwise):
                    yield from returned(side, now)
            case For(body=inner):
                yield from returned(inner, now | set(bound(inner)))
        now = settled((stmt,), now)


__all__ = ["passed", "returned", "settled"]
