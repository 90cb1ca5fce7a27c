"""Bodies that cannot stream: matrix products, loops over whole arrays. Printed as the expressions that they are.

Such a body binds names to new arrays and writes the results back at the end of each phase; the streamed ones need no
array of the parameter's size.
"""

from __future__ import annotations

from adaspec import ir
from adaspec.ir import Assign, For, If, Name, Stmt
from adaspec.lower import Lowered, Subtract
from adaspec.printer import PRECEDENCE
from adaspec.stage import Stage, Type

from .branches import data
from .naming import Names
from .printers import NumberPrinter, WholePrinter
from .scalars import Phase, Timeline
from .units import shows_other


class Views:
    """Statements over whole arrays, as a view has them."""

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

    def renamed(self, node):
        if isinstance(node, Name):
            return Name(self.own[node.id]) if node.id in self.own else node
        return ir.rebuild(node, self.renamed)

    def block(self, body: tuple[Stmt, ...], carried: set[str]) -> list[str]:
        lines: list[str] = []
        for stmt in body:
            match stmt:
                case Assign(name, value):
                    # State bound to a view of other state would change when that is written back.
                    text = self.printer.copy if name in self.state and shows_other(value) else self.printer.text
                    lines.append(f"{self.called(name)} = {text(self.renamed(value))}")
                case Subtract(name, value):
                    x = self.names[name]
                    lines.append(f"{x} = {x} - {self.printer.text(self.renamed(value), PRECEDENCE['+'] + 1)}")
                case If(test, then, otherwise):
                    sides = [[f"    {s}" for s in self.block(side, carried)] for side in (then, otherwise)]
                    lines += [f"if {self.host.text(self.renamed(test))}:", *(sides[0] or ["    pass"])]
                    lines += ["else:", *sides[1]] if sides[1] else []
                case For(count, inner):
                    lines += [f"for _ in range({self.host.text(self.renamed(count))}):"]
                    lines += [f"    {s}" for s in self.block(inner, carried)]
            if isinstance(stmt, Assign | Subtract) and stmt.name in carried:
                lines.append(f'kept["{stmt.name}"] = {self.called(stmt.name)}')
        return lines


class Dense(Views):
    """The phases of a rule."""

    def __init__(self, lowered: Lowered, names: Names, host: NumberPrinter, time: Timeline, phases: list[Phase]) -> None:
        super().__init__(lowered, names, host)
        rule = lowered.rule
        self.phases = phases
        bound = {n for p in phases for n in _bound(p.body)}
        # A number of the whole step that a parameter binds anew would go on to the next parameter.
        self.own = {n: names.fresh(f"{names[n]}_new") for n in sorted(bound & (time.types.keys() - self.state - {rule.grad}))}
        self.carried = [self.carry(k) for k in range(len(phases))]
        types = {**lowered.types, **time.types, **dict.fromkeys(self.own.values(), Type(Stage.ARRAY))}
        self.printer = WholePrinter(host, types)

    @property
    def keeps(self) -> bool:
        return any(self.carried)

    def carry(self, k: int) -> set[str]:
        """The names that a phase binds and a later one reads; the parameter among them, since it is wider than it is stored."""
        later = {n for p in self.phases[k + 1 :] for n in (*_reads(p), *(_bound(p.body) & {self.rule.param}))}
        return {n for n in _bound(self.phases[k].body) & later if n not in self.state or n == self.rule.param}

    def phase(self, k: int) -> list[str]:
        phase = self.phases[k]
        reads, bound = _reads(phase), _bound(phase.body)
        x = self.rule.param
        earlier = set().union(*self.carried[:k])
        lines = []
        needed = reads | bound | {x}
        for name in (n for n in (x, self.rule.grad, *(s.name for s in self.rule.slots)) if n in needed):
            lines.append(f"{self.names[name]} = {self.found(name)}")
        lines += [f"{self.called(n)} = {n}" for n in self.own if n in reads | bound and n not in earlier]
        lines += [f'{self.called(n)} = kept.get("{n}", {self.called(n) if n in (x, self.rule.grad) else None})' for n in sorted(earlier & (reads | bound))]
        lines += self.block(phase.body, self.carried[k])
        for s in self.rule.slots:
            if s.name in bound:
                always = self.lowered.presence[s.name] == ir.Constant(True)
                lines += [] if always else [f'if slots["{s.name}"] is not None:']
                lines.append(f'{"" if always else "    "}slots["{s.name}"][...] = {self.names[s.name]}')
        lines += [f"param[...] = {self.names[x]}"] if x in bound else []
        return [*lines, *(f"{self.names[n]} += float({self.printer.text(self.renamed(v))})" for n, v in phase.totals)]

    def found(self, name: str) -> str:
        if name == self.rule.param:
            return "_wide(param)"
        if name == self.rule.grad:
            return f"grad.astype({self.names[self.rule.param]}.dtype, copy=False)"
        return f'slots["{name}"]'


def _reads(phase: Phase) -> set[str]:
    return data(phase.body) | set().union(*(data(v) for _, v in phase.totals))


def _bound(body: tuple[Stmt, ...]) -> set[str]:
    return {s.name for s in ir.walk(body) if isinstance(s, Assign | Subtract)}
