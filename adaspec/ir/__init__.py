"""The intermediate representation of an update rule: small, frozen, with a source span on every node.

Equality, hash and repr come from the fields; a span never takes part in them, so two texts that say the same are the
same `Function`. The nodes stand in the modules of this package, in the order of a spec: expressions, statements,
declarations. How they are walked and rebuilt stands here, which is also the door to all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import cache
from operator import is_not
from typing import Any, TypeVar

from .declarations import (
    EACH,
    Argument,
    Dialect,
    Function,
    Hyper,
    Init,
    Inner,
    Input,
    Rule,
    Setting,
    Shared,
    Slot,
    Word,
)
from .expressions import (
    NOWHERE,
    Binary,
    Call,
    Choose,
    Compare,
    Constant,
    Dim,
    Draw,
    Expr,
    FanIn,
    FanOut,
    Index,
    Logical,
    Name,
    Ndim,
    Node,
    Number,
    Part,
    Pick,
    Shape,
    Size,
    Span,
    Transpose,
    Unary,
)
from .statements import Assert, Assign, For, If, Return, Stmt, Unpack, When

__all__ = [
    "EACH", "NOWHERE", "Argument", "Assert", "Assign", "Binary", "Call", "Choose", "Compare", "Constant", "Dialect",
    "Dim", "Draw", "Expr", "FanIn", "FanOut", "For", "Function", "Hyper", "If", "Index", "Init", "Inner", "Input",
    "Logical", "Name", "Ndim", "Node", "Number", "Part", "Pick", "Return", "Rule", "Setting", "Shape", "Shared",
    "Size", "Slot", "Span", "Stmt", "Transpose", "Unary", "Unpack", "When", "Word", "assigned", "children",
    "copied", "every_statement", "names", "rebuild", "values_read", "walk",
]  # fmt: skip

N = TypeVar("N", bound=Node)


PLAIN = {"str", "int", "float", "bool", "None", "tuple"}


@cache
def _parts(kind: type[Node]) -> tuple[str, ...]:
    """The fields of a node class that may hold nodes, by their annotations. Cached: every pass walks every node."""
    own = (f for f in fields(kind) if f.name != "span")
    return tuple(f.name for f in own if not set(re.findall(r"[A-Za-z]\w*", str(f.type))) <= PLAIN)


def children(node: Node) -> Iterator[Node]:
    """The nodes directly under `node`, in the order of its fields."""
    for name in _parts(type(node)):
        yield from _nodes(getattr(node, name))


def _nodes(value: object) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _nodes(item)


def walk(node: Node | tuple[Node, ...]) -> Iterator[Node]:
    """`node` and everything under it, parents first."""
    waiting: list[Any] = [node]
    while waiting:  # one loop without a call, since nothing is done as often
        value = waiting.pop()
        names = _BACKWARDS.get(type(value))
        if names is not None:
            yield value
            for name in names:
                waiting.append(getattr(value, name))
        elif isinstance(value, tuple):
            waiting += value[::-1]
        elif isinstance(value, Node):
            _BACKWARDS[type(value)] = _parts(type(value))[::-1]
            waiting.append(value)


_BACKWARDS: dict[type, tuple[str, ...]] = {}
"""`_parts` of each class that was met, the last first: what `walk` puts on its stack."""


def rebuild(node: N, change: Callable[[Any], Any]) -> N:
    """`node` with `change` applied to each node directly under it; the same object where nothing changed."""
    changed = {}
    for name in _parts(type(node)):
        old = getattr(node, name)
        new = _mapped(old, change)
        if new is not old:
            changed[name] = new
    return copied(node, changed) if changed else node


def _mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, Node):
        return change(value)
    if isinstance(value, tuple):
        new = tuple([_mapped(item, change) for item in value])
        return new if any(map(is_not, new, value)) else value
    return value


def copied(node: N, changed: dict[str, Any]) -> N:
    """`node` with other values in some of its fields: `dataclasses.replace` without its checks, in a tenth of it."""
    new = object.__new__(type(node))
    new.__dict__.update(node.__dict__)
    new.__dict__.update(changed)
    return new


def names(node: Node | tuple[Node, ...]) -> set[str]:
    """Every name read under `node`."""
    return {n.id for n in walk(node) if isinstance(n, Name)}


def values_read(node: Node) -> set[str]:
    """Every name whose value is read under `node`: to ask whether it is None does not count."""
    if isinstance(node, Compare) and node.op in ("is", "is not"):
        return set()
    return {node.id} if isinstance(node, Name) else set().union(*map(values_read, children(node)))


def every_statement(body: Stmt | tuple[Stmt, ...]) -> Iterator[Stmt]:
    """The statements of `body` and those under them, in their order: `walk` without the expressions."""
    waiting = list(body[::-1]) if isinstance(body, tuple) else [body]
    while waiting:
        stmt = waiting.pop()
        yield stmt
        if isinstance(stmt, If):
            waiting += (*stmt.then, *stmt.otherwise)[::-1]
        elif isinstance(stmt, For):
            waiting += stmt.body[::-1]


def assigned(body: tuple[Stmt, ...]) -> list[str]:
    """Every name bound under `body`, once each, in order of first binding."""
    found: dict[str, None] = {}
    for stmt in every_statement(body):
        match stmt:
            case Assign(name):
                found[name] = None
            case Unpack(names):
                found |= dict.fromkeys(name for name in names if name != "_")
    return list(found)
