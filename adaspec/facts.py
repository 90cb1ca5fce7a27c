"""Static facts about one parameter: which slots it has, with which shape, dtype and beginning, and what a rule asserts.

One answer for everyone: the interpreter, every emitter and every state file ask `presence` and `slot_states`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

from . import ir
from .complexes import COMPLEX, REAL
from .expand import expand_function
from .fold import folded
from .frozen import frozen
from .ir import Assert, Assign, Constant, Dim, Expr, For, If, Logical, Name, Ndim, Number, Stmt, Unary, When, rebuild
from .scalars import evaluate

Hypers = Mapping[str, float | int | bool | None]


@frozen
class SlotState:
    """One slot of one parameter: its shape, the name of its dtype, and how it begins.

    The number that a complex slot begins with is that of either part: `full(0.1)` is 0.1 + 0.1j.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    init: ir.Init


NARROW = ("float16", "bfloat16")


def slot_dtype(slot: ir.Slot, param_dtype: str) -> str:
    """float32 for the slots of half-precision parameters, the parameter's dtype for all others.

    Those of a complex parameter that have its shape are complex, of the same precision as they would be else.
    """
    own = slot.dtype or ("float32" if param_dtype in NARROW else REAL.get(param_dtype, param_dtype))
    return COMPLEX.get(own, own) if param_dtype in REAL and slot.init.whole else own


def slot_states(
    rule: ir.Rule, body: tuple[Stmt, ...], shape: tuple[int, ...], dtype: str, hypers: Hypers
) -> dict[str, SlotState]:
    """The slots that a parameter of this shape and dtype has; an absent slot has no entry."""
    present = presence(rule, body)
    found = {}
    for slot in rule.slots:
        if holds(present[slot.name], shape, hypers):
            found[slot.name] = slot_state(slot, shape, dtype, hypers)
    return found


def slot_state(slot: ir.Slot, shape: tuple[int, ...], dtype: str, hypers: Hypers) -> SlotState:
    """A slot of a parameter that has it."""
    init = slot.init
    own = () if init.scalar else shape
    if init.without is not None and not init.scalar:
        own = tuple(n for i, n in enumerate(shape) if i != len(shape) + init.without)
    if init.only is not None:
        own = (shape[init.only],) * (2 if init.square else 1)
    if init.cut is not None:
        own = cut(shape, init.cut, hypers[init.rank] if isinstance(init.rank, str) else init.rank)
    return SlotState(slot.name, own, slot_dtype(slot, dtype), replace(init, value=initial(init.value, hypers)))


def cut(shape: tuple[int, ...], axis: int, rank: float | int | bool | None) -> tuple[int, ...]:
    """The shape with an axis (negative) no longer than the rank of a matrix: `rank`, if its own axes are as long."""
    return tuple(min(int(rank or 0), *shape[-2:]) if i == len(shape) + axis else n for i, n in enumerate(shape))


def initial(value: float | str, hypers: Hypers) -> float:
    """What a slot or a Shared begins with: a number, or the hyperparameter that `value` names."""
    return float(hypers[value] or 0.0) if isinstance(value, str) else value


def presence(rule: ir.Rule, body: tuple[Stmt, ...]) -> dict[str, Expr]:
    """For each slot the static condition under which it exists: that a surviving branch, or a view, reads or binds it.

    The conditions speak of the parameter's `ndim` and `shape` and of hyperparameters alone; `Constant(True)` is always.
    """
    seen: dict[str, list[Expr]] = {s.name: [] for s in rule.slots}
    for path, stmt in paths(rule, body):
        path = possible(rule, path)
        for name in _touched(stmt):
            if name in seen and path not in seen[name]:
                seen[name].append(path)
    for function in rule.functions:
        if function.role == "view":
            own = {a.name for a in function.arguments}  # another name of a view is a local, though a slot be called so
            statements, value = expand_function(rule, function)
            for path, stmt in paths(rule, (*statements, Assign("", value))):
                for name in _touched(stmt) & own & seen.keys():
                    if path not in seen[name]:
                        seen[name].append(path)
    return {name: disjunction(found) for name, found in seen.items()}


def possible(rule: ir.Rule, fact: Expr) -> Expr:
    """When a condition can hold in some step: whatever inputs it asks for may be given, and may be missing.

    A slot that only a branch with an input touches is there from the start.
    """
    name = next((i.name for i in rule.inputs if i.optional and i.name in ir.names(fact)), None)
    if name is None:
        return fact
    sides = [possible(rule, folded(_answered(fact, name, given))) for given in (True, False)]
    return disjunction([side for side in dict.fromkeys(sides) if side != FALSE])


def _answered(node: Expr, name: str, given: bool) -> Expr:
    match node:
        case ir.Compare("is" | "is not" as op, Name(id=asked), _) if asked == name:
            return Constant(given == (op == "is not"))
    return rebuild(node, lambda child: _answered(child, name, given))


def asserts(rule: ir.Rule, body: tuple[Stmt, ...]) -> list[tuple[Expr, Assert]]:
    """Each assertion of the rule with the condition under which it may be reached."""
    return [(possible(rule, path), s) for path, s in paths(rule, body) if isinstance(s, Assert)]


def paths(rule: ir.Rule, body: tuple[Stmt, ...]) -> Iterator[tuple[Expr, Stmt]]:
    """Every statement but If, For and Return with its path condition; static local names are seen through."""
    yield from _paths(rule, body, (), {})


def _paths(rule: ir.Rule, body: tuple[Stmt, ...], path: tuple[Expr, ...], known: dict[str, Expr]) -> Iterator:
    for stmt in body:
        match stmt:
            case When(test, then, otherwise):  # at some step each of its sides runs
                yield conjunction(path), Assign("", _seen_through(test, known), span=stmt.span)
                for side in (then, otherwise):
                    yield from _paths(rule, side, path, dict(known))
                for name in ir.assigned((stmt,)):
                    known.pop(name, None)
            case If(test, then, otherwise):
                fact = _seen_through(test, known)
                yield conjunction(path), Assign("", fact, span=stmt.span)
                yield from _paths(rule, then, (*path, fact), known)
                yield from _paths(rule, otherwise, (*path, negation(fact)), known)
            case For(_, inner):
                yield from _paths(rule, inner, path, known)
            case ir.Return():
                pass
            case Assert(test):
                yield conjunction(path), replace(stmt, test=_seen_through(test, known))
            case Assign(name, value):
                known.pop(name, None)
                if is_fact(rule, value, known):
                    known[name] = _seen_through(value, known)
                yield conjunction(path), stmt


def is_fact(rule: ir.Rule, value: Expr, known: Mapping[str, Expr]) -> bool:
    static = {h.name for h in rule.hypers if h.static} | set(known) | {rule.param, rule.grad}
    bare = {rule.param, rule.grad}
    if not ir.values_read(value) <= static or any(isinstance(node, ir.Call) for node in ir.walk(value)):
        return False
    inside = {n.operand.id for n in ir.walk(value) if isinstance(n, Dim | Ndim) and isinstance(n.operand, Name)}
    return bare & ir.names(value) <= inside


def _seen_through(node: Expr, known: Mapping[str, Expr]) -> Expr:
    if isinstance(node, Name) and node.id in known:
        return known[node.id]
    return rebuild(node, lambda child: _seen_through(child, known))


def _touched(stmt: Stmt) -> set[str]:
    return ir.names(stmt) | ({stmt.name} if isinstance(stmt, Assign) else set())


TRUE, FALSE = Constant(True), Constant(False)


def negation(fact: Expr) -> Expr:
    flipped = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "==", "is": "is not", "is not": "is"}
    if isinstance(fact, ir.Compare):
        return replace(fact, op=flipped[fact.op])
    return fact.operand if isinstance(fact, Unary) and fact.op == "not" else Unary("not", fact)


def conjunction(path: tuple[Expr, ...]) -> Expr:
    distinct = tuple(dict.fromkeys(path))
    return TRUE if not distinct else distinct[0] if len(distinct) == 1 else Logical("and", distinct)


def disjunction(found: list[Expr]) -> Expr:
    if not found:
        return FALSE
    if TRUE in found or any(negation(f) in found for f in found):
        return TRUE
    return found[0] if len(found) == 1 else Logical("or", tuple(found))


def holds(fact: Expr, shape: tuple[int, ...], hypers: Hypers) -> bool:
    """Whether a static condition on the parameter holds for this shape and these hyperparameters."""
    return bool(evaluate(_at_shape(fact, shape), hypers))


def _at_shape(node: Expr, shape: tuple[int, ...]) -> Expr:
    match node:
        case ir.Size():
            return Number(math.prod(shape))
        case Ndim():
            return Number(len(shape))
        case Dim(axis=axis):
            # An axis that the array lacks can only stand behind a test of ndim that fails.
            return Number(shape[axis]) if -len(shape) <= axis < len(shape) else Number(0)
    return rebuild(node, lambda child: _at_shape(child, shape))
