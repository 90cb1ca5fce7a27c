"""Views as data for emitters: sums over the model first, then a function of one parameter's arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import ir
from .frozen import frozen
from .ir import Assign, Call, Expr, Name, Stmt
from .naming import fresh
from .tidy import live

if TYPE_CHECKING:
    from .spec import Spec


@frozen
class Sum:
    """`name` becomes the sum over the model of `value`, a 0-d number per parameter; earlier sums may enter it."""

    name: str
    body: tuple[Stmt, ...]
    value: Expr


@frozen
class View:
    """A view: sums over the model, then statements over the rule's own names, then the value."""

    label: str
    arguments: tuple[str, ...]
    sums: tuple[Sum, ...]
    body: tuple[Stmt, ...]
    value: Expr
    doc: str | None
    takes_grads: bool

    @property
    def bound(self) -> list[str]:
        """Every name that the view binds."""
        bodies = (self.body, *(s.body for s in self.sums))
        return list(dict.fromkeys([*(s.name for s in self.sums), *(n for b in bodies for n in ir.assigned(b))]))

    @property
    def reads(self) -> set[str]:
        """Every name that the view reads."""
        parts = [(*self.body, Assign("", self.value)), *((*s.body, Assign("", s.value)) for s in self.sums)]
        return set().union(*map(ir.names, parts))


def view(spec: Spec, label: str, taken: set[str]) -> View:
    function = spec.core.function(spec.views[label].name) or spec.views[label]
    statements, value = spec.view(label)
    sums: list[Sum] = []
    taken = taken | {a.name for a in function.arguments} | set(ir.assigned(statements))
    before: list[Stmt] = []

    def change(node: Expr) -> Expr:
        node = ir.rebuild(node, change)
        if not (isinstance(node, Call) and node.function == "total"):
            return node
        name = fresh(f"{function.name}_total", taken)
        argument = node.args[0]
        sums.append(Sum(name, live(tuple(before), ir.names(argument)), argument))
        return Name(name, span=node.span)

    for stmt in statements:  # a branch holds no total
        before.append(ir.rebuild(stmt, change) if isinstance(stmt, Assign) else stmt)
    value = change(value)
    body = live(tuple(before), ir.names(value))
    return View(label, tuple(a.name for a in function.arguments), tuple(sums), body, value, function.doc,
                spec.takes_grads(label))  # fmt: skip
