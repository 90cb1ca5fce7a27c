"""Bodies that cannot stream: matrix products, loops over whole arrays. Printed as the expressions that they are.

Such a body binds names to new arrays and writes the results back at the end of each phase; the streamed ones need no
array of the parameter's size.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from adaspec import ir
from adaspec.ir import Assign, Expr, For, If, Name, Stmt
from adaspec.lower import Lowered, Subtract
from adaspec.printer import PRECEDENCE
from adaspec.streams.timeline import Phase, Timeline, data
from adaspec.streams.units import shows_other
from adaspec.types import Stage, Type

from .naming import Names
from .printers import NumberPrinter, WholePrinter


class Plain:
    """Statements over whole arrays, one line each."""

    def __init__(self, lowered: Lowered, names: Names, host: NumberPrinter) -> None:
        rule = lowered.rule
        self.lowered = lowered
        self.rule = rule
        self.names = names
        self.host = host
        self.state = {rule.param, *(s.name for s in rule.slots)}
        self.own: dict[str, str] = {}
        self.printer = WholePrinter(host, lowered.types)

    def called(self, name: str) -> str:
        return self.own.get(name) or self.names[name]

    def renamed(self, node: Any) -> Any:
        if isinstance(node, Name):
            return Name(self.own[node.id]) if node.id in self.own else node
        return ir.rebuild(node, self.renamed)

    def text(self, node: Expr) -> str:
        """A number as a float of Python, an array as NumPy has it."""
        self.host.arrays = self.printer
        return self.host.text(node) if self.printer.is_number(node) else self.printer.text(node)

    def slot(self, slot: ir.Slot) -> str:
        text = self.names.slot(slot.name)
        if not slot.init.scalar and slot.dtype is None:
            return text
        always = self.lowered.presence[slot.name] == ir.Constant(True)
        wide = f"{text}.astype({self.names[self.rule.param]}.dtype, copy=False)"
        value = f"float({text})" if slot.init.scalar else wide
        return value if always else f"None if {text} is None else {value}"

    def block(self, body: tuple[Stmt, ...], carried: Set[str] = frozenset()) -> list[str]:
        """`carried` are the names that a later phase reads."""
        lines: list[str] = []
        for stmt in body:
            match stmt:
                case Assign(name, value):
                    # What shows the elements of state would change when that is written back.
                    new = self.renamed(value)
                    alone = name in self.state | carried and shows_other(new) and not self.printer.is_number(new)
                    lines.append(f"{self.called(name)} = {self.printer.copy(new) if alone else self.text(new)}")
                case Subtract(name, value):
                    change = self.printer.text(self.renamed(value), PRECEDENCE["+"] + 1)
                    lines.append(f"{self.names[name]} = {self.names[name]} - {change}")
                case If(test, then, otherwise):
                    sides = [[f"    {s}" for s in self.block(side, carried)] for side in (then, otherwise)]
                    lines += [f"if {self.host.text(self.renamed(test))}:", *(sides[0] or ["    pass"])]
                    lines += ["else:", *sides[1]] if sides[1] else []
                case For(count, inner) if inner:
                    lines.append(f"for _ in range({self.host.text(self.renamed(count))}):")
                    lines += [f"    {s}" for s in self.block(inner, carried)]
            if isinstance(stmt, Assign | Subtract) and stmt.name in carried:
                lines.append(f'kept["{stmt.name}"] = {self.called(stmt.name)}')
        return lines


class Dense(Plain):
    """The phases of a rule; `why` says what needs whole arrays."""

    def __init__(
        self, lowered: Lowered, names: Names, host: NumberPrinter, time: Timeline, phases: list[Phase], why: str
    ) -> None:
        super().__init__(lowered, names, host)
        self.why = why
        self.phases = phases
        self.narrow = {lowered.rule.param, *(s.name for s in lowered.rule.slots if s.dtype)}
        bound = {n for p in phases for n in _bound(p.body)}
        # A number of the whole step that one parameter binds anew must not go on to the next.
        shared = sorted(bound & (time.types.keys() - self.state - {self.rule.grad, *self.rule.array_inputs}))
        self.own = {n: names.fresh(f"{n}_new") for n in shared}
        self.carried = [self.carry(k) for k in range(len(phases))]
        types = {**lowered.types, **time.types, **dict.fromkeys(self.own.values(), Type(Stage.ARRAY))}
        self.printer = WholePrinter(host, types)

    @property
    def keeps(self) -> bool:
        return any(self.carried)

    def carry(self, k: int) -> set[str]:
        """The names that a phase binds and a later one reads; what is stored in another dtype is rounded but once."""
        later = {n for p in self.phases[k + 1 :] for n in _reads(p) | (_bound(p.body) & self.narrow)}
        return {n for n in _bound(self.phases[k].body) & later if n not in self.state - self.narrow}

    def lines(self, k: int, early: list[str] | None) -> list[str]:
        phase = self.phases[k]
        bound = _bound(phase.body)
        x = self.rule.param
        needed = _reads(phase) | bound | {x}
        earlier = set().union(*self.carried[:k])
        lines = [f"{self.names[x]} = _wide(param)"]
        if self.rule.grad in needed:
            lines.append(f"{self.names[self.rule.grad]} = grad.astype({self.names[x]}.dtype, copy=False)")
        for i in (i for i in self.rule.inputs if not i.scalar and i.name in needed):
            text = f'inputs["{i.name}"]'
            absent = f"None if {text} is None else " if i.optional else ""
            wide = f"{text}.astype({self.names[x]}.dtype, copy=False)"
            lines.append(f"{self.names[i.name]} = {absent}{wide}")
        lines += [f"{self.names[s.name]} = {self.slot(s)}" for s in self.rule.slots if s.name in needed]
        lines += [f"{self.own[n]} = {self.names[n]}" for n in self.own if n in needed]
        here = {self.rule.grad, *self.rule.array_inputs, *self.narrow, *self.own}
        for name in sorted(earlier & needed):
            known = self.called(name) if name in here else None
            lines.append(f'{self.called(name)} = kept.get("{name}", {known})')
        lines += self.block(phase.body, self.carried[k])
        lines += [f"{self.names[n]} += {self.text(self.renamed(v))}" for n, v in phase.totals]
        for s in (s for s in self.rule.slots if s.name in bound):
            kept = self.names.slot(s.name)
            line = f"{kept}[...] = {self.names[s.name]}"
            always = self.lowered.presence[s.name] == ir.Constant(True)
            lines += [line] if always else [f"if {kept} is not None:", f"    {line}"]
        return [*lines, f"param[...] = {self.names[x]}"] if x in bound else lines


def _reads(phase: Phase) -> set[str]:
    return data(phase.body) | set().union(*(data(v) for _, v in phase.totals))


def _bound(body: tuple[Stmt, ...]) -> set[str]:
    return {s.name for s in ir.walk(body) if isinstance(s, Assign | Subtract)}
