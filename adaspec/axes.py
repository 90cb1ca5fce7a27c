"""Slots per axis and loops over axes, unrolled: what is left is a rule that any pass can read.

A slot `a` that is `per_axis(…)` becomes `a_0`, `a_1`, …, and `for i in range(x.ndim):` one copy of its body for each
axis that a parameter may have, under `if x.ndim > i:`. So a parameter has the slots of its own axes by the rule for
slots in branches, and `i` is a number that static facts may ask for.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from . import ir
from .errors import SpecError
from .ir import EACH, Assert, Assign, Compare, Expr, For, If, Name, Ndim, Number, Pick, Return, Stmt, Unpack

MOST = 5
"""The axes of the largest arrays that networks have as parameters: the kernels of 3-D convolutions."""


def unrolled(rule: ir.Rule) -> ir.Rule:
    """The rule without slots per axis and loops over axes; the same object where there are none."""
    slots = {s.name for s in rule.slots if s.init.per_axis}
    nodes = [n for part in (rule.body, rule.functions) for n in ir.walk(part)]
    if not slots and not any(isinstance(n, Pick) or _counts(n) for n in nodes):
        return rule
    names = {*rule.declared, *ir.assigned(rule.body)}
    for slot in rule.slots:
        for taken in {_slot(slot.name, i) for i in range(MOST)} & names if slot.init.per_axis else ():
            raise SpecError(f"'{taken}' is the slot '{slot.name}' of one axis", slot, "rename one of them")
    unroller = Unroller(slots)
    few = Compare("<=", Ndim(Name(rule.param)), Number(MOST))
    limit = Assert(few, f"it takes at most {MOST} dimensions; reshape the parameter", span=rule.span)
    return replace(
        rule,
        slots=tuple(new for slot in rule.slots for new in _slots(slot)),
        body=(limit, *unroller.block(rule.body, {})),
        functions=tuple(unroller.function(f) for f in rule.functions),
    )


def _counts(node: ir.Node) -> bool:
    match node:
        case For(variable=variable):
            return variable != "_"
        case Assign(index=index):
            return index is not None
        case Unpack(indices=indices):
            return any(indices)
    return False


def _slot(name: str, axis: int) -> str:
    return f"{name}_{axis}"


def _slots(slot: ir.Slot) -> tuple[ir.Slot, ...]:
    if not slot.init.per_axis:
        return (slot,)
    own = [replace(slot.init, only=i) for i in range(MOST)]
    return tuple(replace(slot, name=_slot(slot.name, i), init=init) for i, init in enumerate(own))


class Unroller:
    """`axes` gives each variable of the loops around a statement its axis."""

    def __init__(self, slots: set[str]) -> None:
        self.slots = slots

    def function(self, function: ir.Function) -> ir.Function:
        arguments: list[ir.Argument] = []
        for a in function.arguments:
            each = function.role == "view" and a.name in self.slots
            arguments += [replace(a, name=_slot(a.name, i)) for i in range(MOST)] if each else [a]
        own = {a.name for a in function.arguments} if function.role == "view" else set()
        body = Unroller(self.slots & own).block(function.body, {})
        return replace(function, arguments=tuple(arguments), body=body)

    def block(self, body: tuple[Stmt, ...], axes: dict[str, int]) -> tuple[Stmt, ...]:
        return tuple(new for stmt in body for new in self.stmt(stmt, axes))

    def stmt(self, stmt: Stmt, axes: dict[str, int]) -> tuple[Stmt, ...]:
        match stmt:
            case Assign(name, value, index):
                name = self.whole(stmt, name) if index is None else self.picked(stmt, name, index, axes)
                return (replace(stmt, name=name, value=self.expr(value, axes), index=None),)
            case Unpack(names, value, indices):
                whole = tuple(
                    self.picked(stmt, name, index[0], axes) if index else self.whole(stmt, name)
                    for name, index in zip(names, indices, strict=True)
                )
                plain: tuple[tuple[Expr, ...], ...] = ((),) * len(names)
                return (replace(stmt, names=whole, value=self.expr(value, axes), indices=plain),)
            case If(test, then, otherwise):
                sides = self.block(then, axes), self.block(otherwise, axes)
                return (replace(stmt, test=self.expr(test, axes), then=sides[0], otherwise=sides[1]),)
            case For(count, body, "_"):
                return (replace(stmt, count=self.expr(count, axes), body=self.block(body, axes)),)
            case For(Ndim(), body, variable) if type(stmt.count) is Ndim:
                if variable in ir.assigned(body):
                    raise SpecError(f"'{variable}' counts the axes: it cannot be bound", stmt, "use another name")
                copies = [self.block(body, axes | {variable: i}) for i in range(MOST)]
                tests = [Compare(">", stmt.count, Number(i, span=stmt.span), span=stmt.span) for i in range(MOST)]
                return tuple(If(test, copy, span=stmt.span) for test, copy in zip(tests, copies, strict=True))
            case For(count):
                raise SpecError(
                    "a loop with a variable runs over axes",
                    count,
                    "`for i in range(x.ndim):`, or `for _ in range(count):`",
                )
            case Return(values) if self.slots:
                new: list[Expr] = []
                for value in values:
                    if isinstance(value, Name) and value.id in self.slots:
                        new += [Name(_slot(value.id, i), span=value.span) for i in range(MOST)]
                    else:
                        new.append(self.expr(value, axes))
                return (replace(stmt, values=tuple(new)),)
            case Assert(test):
                return (replace(stmt, test=self.expr(test, axes)),)
        return (stmt,)

    def whole(self, stmt: Stmt, name: str) -> str:
        """A name that is bound without an index: no slot per axis."""
        if name in self.slots:
            raise SpecError(f"'{name}' is one slot per axis", stmt, f"bind one of them: {name}[i] = …")
        return name

    def expr(self, node: Any, axes: dict[str, int]) -> Any:
        match node:
            case Pick(ir.Shape(operand), index):
                return ir.Dim(self.expr(operand, axes), self.axis(index, axes), span=node.span)
            case Pick(Name(name), index):
                return Name(self.picked(node, name, index, axes), span=node.span)
            case Name(name) if name in axes:
                return Number(axes[name], span=node.span)
            case Name(name) if name in self.slots:
                raise SpecError(f"'{name}' is one slot per axis", node, f"read one of them: {name}[i]")
        return ir.rebuild(node, lambda child: self.expr(child, axes))

    def picked(self, node: ir.Node, name: str, index: Expr, axes: dict[str, int]) -> str:
        if name not in self.slots:
            hint = f"`{name}: Slot = per_axis(zeros.only)`; indexing with `None`, `:` and `...` adds axes"
            raise SpecError(f"'{name}' is no slot per axis", node, hint)
        return _slot(name, self.axis(index, axes))

    def axis(self, index: Expr, axes: dict[str, int]) -> int:
        if not isinstance(index, Name) or index.id not in axes:
            raise SpecError("an axis is counted by a loop over axes", index, "for i in range(x.ndim): …")
        return axes[index.id]


__all__ = ["EACH", "MOST", "unrolled"]
