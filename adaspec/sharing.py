"""What in-place code computes once and what it computes in place: locals that are read once go where they are read, and
expressions that stand in several places get a name of their own."""

from __future__ import annotations

from collections.abc import Callable

from . import ir
from .ir import Assign, Binary, Call, Expr, If, Name, Stmt, rebuild
from .lower import Subtract
from .naming import fresh, unnumbered
from .types import FULL as FULL_DIMS
from .types import Stage, Type


def inlined(
    body: tuple[Stmt, ...], live_out: set[str], simple: Callable[[Expr], bool], state: set[str]
) -> tuple[Stmt, ...]:
    """A local of a simple value that is read once, by a statement of the same block, goes where it is read."""
    stmts = list(body)
    i = 0
    while i < len(stmts):
        stmt = stmts[i]
        if isinstance(stmt, Assign) and stmt.name not in state and simple(stmt.value):
            j = _only_reader(stmts, i, stmt, live_out)
            if j is not None:
                stmts[j] = _substituted(stmts[j], stmt.name, stmt.value)
                del stmts[i]
                continue
        i += 1
    return tuple(stmts)


def _only_reader(stmts: list[Stmt], i: int, local: Assign, live_out: set[str]) -> int | None:
    """The one statement behind the `local` at `i` that reads it, if its operands are still the same there."""
    name, inputs = local.name, ir.names(local.value)
    found = None
    changed = False
    for j in range(i + 1, len(stmts)):
        stmt = stmts[j]
        count = sum(isinstance(n, Name) and n.id == name for n in ir.walk(stmt))
        if count:
            if found is not None or count > 1 or changed or not isinstance(stmt, Assign | Subtract):
                return None
            found = j
        names = _bound(stmt)
        if name in names:
            return found if isinstance(stmt, Assign) else None
        changed = changed or bool(names & inputs)
    return None if name in live_out else found


def _bound(stmt: Stmt) -> set[str]:
    return {n.name for n in ir.every_statement(stmt) if isinstance(n, Assign | Subtract)}


def _substituted(stmt: Stmt, name: str, value: Expr) -> Stmt:
    def change(node):
        return value if isinstance(node, Name) and node.id == name else rebuild(node, change)

    return rebuild(stmt, change)


def shared_parts(
    body: tuple[Stmt, ...], kind: Callable[[Expr], str], types: dict[str, Type], taken: set[str]
) -> tuple[Stmt, ...]:
    """Array expressions that stand twice or more, while their operands last, computed once under a new name."""
    stmts = list(body)
    i = 0
    while i < len(stmts):
        stmt = stmts[i]
        part = _repeated(stmts, i, stmt, kind) if isinstance(stmt, Assign | Subtract) else None
        if part is None:
            i += 1
            continue
        name = _name(part, taken)
        small = kind(part) == "small"
        types[name] = Type(Stage.ARRAY) if small else Type(Stage.ARRAY, FULL_DIMS)
        for j in range(i, _lasts(stmts, i, part) + 1):
            stmts[j] = _replaced(stmts[j], part, Name(name))
        stmts.insert(i, Assign(name, part))
        i += 1
    return tuple(stmts)


def _repeated(stmts: list[Stmt], i: int, stmt: Assign | Subtract, kind: Callable[[Expr], str]) -> Expr | None:
    """The first part of `stmt`, which stands at `i`, that stands again while its operands last."""
    parts = [n for n in ir.walk(stmt.value) if isinstance(n, Binary | Call)]
    for part in dict.fromkeys(parts):
        if part == stmt.value and isinstance(stmt, Assign):
            continue
        if _is_number(part) or kind(part) not in ("full", "small") or _truth(part):
            continue
        end = _lasts(stmts, i, part)
        if sum(n == part for s in stmts[i : end + 1] for n in ir.walk(s)) > 1:
            return part
    return None


def _is_number(part: Expr) -> bool:
    return not ir.names(part)


def _truth(part: Expr) -> bool:
    return isinstance(part, Binary) and part.op in "&|"


def _lasts(stmts: list[Stmt], i: int, part: Expr) -> int:
    """The last statement, from `i` on and in this block, where `part` still has the value that it has at `i`."""
    inputs = ir.names(part)
    for j in range(i, len(stmts)):
        if isinstance(stmts[j], If | ir.For):
            return j - 1
        if _bound(stmts[j]) & inputs:
            return j
    return len(stmts) - 1


def _replaced(stmt: Stmt, part: Expr, new: Expr) -> Stmt:
    def change(node):
        return new if node == part else rebuild(node, change)

    return rebuild(stmt, change)


def _name(part: Expr, taken: set[str]) -> str:
    """`norm_x` for norm(x), else `e1`, `e2`, …"""
    if isinstance(part, Call) and len(part.args) == 1 and isinstance(part.args[0], Name) and not part.options:
        name = f"{part.function}_{part.args[0].id}"
    else:
        name = "e1"
    return fresh(name, taken, unnumbered(name))


def bound(body: tuple[Stmt, ...]) -> set[str]:
    return {n.name for n in ir.every_statement(body) if isinstance(n, Assign | Subtract)}


def reads(body: tuple[Stmt, ...]) -> set[str]:
    return ir.names(body) | {n.name for n in ir.walk(body) if isinstance(n, Subtract)}


def live_before(stmt: Stmt, after: set[str]) -> set[str]:
    match stmt:
        case Assign(name, value):
            return (after - {name}) | ir.names(value)
        case If(test, then, otherwise):
            sides = set()
            for side in (then, otherwise):
                live = set(after)
                for inner in reversed(side):
                    live = live_before(inner, live)
                sides |= live
            return sides | ir.names(test)
    return after | reads((stmt,))
