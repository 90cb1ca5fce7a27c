"""A rule as a kernel: the numbers of a step in double, and for each pass one loop over all elements of all arrays.

A pass may need sums of an earlier one (norms, totals over the model): passes are run one after the other, and every
part of the work computes the numbers between them again from the sums, so that nothing has to be handed around.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from adaspec import facts, ir
from adaspec.ir import Assign, Expr, For, If, Stmt
from adaspec.lower import Lowered
from adaspec.scalars import evaluate
from adaspec.streams.branches import Branches
from adaspec.streams.builder import Builder
from adaspec.streams.names import Names
from adaspec.streams.schedule import At, Scheduler
from adaspec.streams.timeline import Timeline, timeline
from adaspec.streams.units import Split, Unstreamable
from adaspec.streams.values import Values, named

from .printers import NumberPrinter
from .walks import Walk, indented

RESERVED = {
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern", "float",
    "for", "goto", "if", "inline", "int", "long", "register", "restrict", "return", "short", "signed", "sizeof",
    "static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while", "asm", "typeof",
    "a", "h", "i", "n", "s", "start", "end", "arrays", "count", "part", "parts", "pass", "sums", "shared", "size",
    "REAL", "R", "turn", "main", "square", "sign", "maximum", "minimum", "square_d", "sign_d", "maximum_d",
    "minimum_d", "modulo", "quotient", "pow", "exp", "expm1", "log", "log1p", "tanh", "floor", "sqrt", "fabs", "fmod",
    "rate", "from_bfloat16", "to_bfloat16", "from_float16", "to_float16", "memcpy", "errno", "abs", "div", "log2",
    "gamma",
    "step", "begins", "odd", "none", "j0", "j1", "jn", "y0", "y1", "yn", "first", "last", "piece", "work", "begin",
    "edge", "stop", "offset", "total", "expf", "expm1f", "logf", "log1pf", "tanhf", "floorf", "sqrtf", "fabsf", "powf",
    "I", "complex", "imaginary", "NAN", "INFINITY", "HUGE_VAL", "NULL", "PARAM", "GRAD", "MAXIMIZE", "LIBMVEC",
    "FLOAT16", "FLOAT32", "FLOAT64", "BFLOAT16", "INDEPENDENT", "PIECE", "SUMS", "int64_t", "uint32_t",
}  # fmt: skip
"""Words of C, of its headers and of the file. A macro is one even as the name of a field."""


@dataclass
class Pass:
    """One walk: what stands in front of its loop, the loop's body, and the sums that it makes, with their functions."""

    at: At
    head: list[str]
    body: list[str]
    sums: dict[str, str] = field(default_factory=dict)


class Kernel:
    """Raises Unstreamable for a rule that no such kernel can compute; its message says what for."""

    def __init__(self, lowered: Lowered, static: Mapping[str, Any] | None = None) -> None:
        """`static` are flags, counts, and None for what is not given; what it leaves open is as by default."""
        rule = lowered.rule
        self.lowered, self.rule = lowered, rule
        self.env: dict[str, Any] = {h.name: h.default for h in rule.hypers if h.static or h.optional}
        self.env |= {i.name: None for i in rule.inputs if i.optional} | dict(static or {})
        self.decided = {h.name for h in rule.hypers if h.static}
        known = [h.name for h in rule.hypers] + list(lowered.types)
        own = {f"{name}_at" for name in known}
        own |= {f"{rule.name}_{word}" for word in ("real", "param", "grad", "half", "numbers", "hypers", "array")}
        self.names = Names(known, {*RESERVED, *own, rule.name, *(() if rule.step == "t" else ("t",))})
        self.time: Timeline = timeline(lowered, self.names)
        for stmt in (s for p in self.time.phases for s in p.before if isinstance(s, Assign)):
            if self.time.types[stmt.name].truth and (fact := self.answer(stmt.value)) is not None:
                self.env[stmt.name] = fact
                self.decided.add(stmt.name)
        seen = Branches({}, self.time.types, rule.param, self.answer)
        phases = [seen.phase(p) for p in self.time.phases]
        self.phases = [replace(p, before=seen.body(p.before)) for p in phases]
        self.branches = seen
        if lowered.draws:
            raise Unstreamable("noise")
        self.check_slots()
        try:
            units = Builder(lowered, self.time.types, self.names).run(self.phases)
        except Split:
            raise Unstreamable("branches with reductions of their own") from None
        self.scalars = [s.name for s in rule.slots if s.init.scalar]
        self.arrays = [s.name for s in rule.slots if s.init.whole]
        self.units = units
        self.schedule = Scheduler(
            units, len(self.phases), rule.param, {rule.param, *self.arrays}, set(self.scalars)
        ).run()  # fmt: skip
        if any(t.dims and not t.is_full for t in units.types.values()):
            raise Unstreamable("arrays of a row or a column")
        self.values = Values(units, self.schedule, self.names, self.scalars, set(self.scalars))
        self.fields: dict[str, None] = {}
        """The names of the numbers of a step, in the order in which they are met."""
        self.host = NumberPrinter(self.called)
        self.passes = [p for p in map(self.walk, self.ats()) if p is not None]
        if not self.passes:
            raise Unstreamable("nothing")

    def check_slots(self) -> None:
        for slot in self.rule.slots:
            if not (slot.init.whole or slot.init.scalar):
                raise Unstreamable("slots with axes of their own")
            if slot.init.scalar and slot.init.kind == "first_grad":
                raise Unstreamable("a number that begins with the gradient")

    def ats(self) -> list[At]:
        return [(p, k) for p, count in enumerate(self.schedule.passes) for k in range(count)]

    # Names

    def answer(self, test: Expr) -> bool | None:
        """A static test, decided; None for one of numbers or of a shape."""
        plain = not any(isinstance(n, ir.Dim | ir.Ndim) for n in ir.walk(test))
        known = ir.names(test) <= self.env.keys() and ir.values_read(test) <= self.decided
        return bool(evaluate(test, self.env)) if plain and known else None

    def called(self, name: str) -> str:
        """How a number reads in C."""
        rule, hyper = self.rule, self.rule.hyper(name)
        if hyper is not None and hyper.static:
            return repr(float(self.env[name]))
        if hyper is not None or name in rule.scalar_inputs:
            return f"h->{self.names[name]}"
        self.fields[self.names[name]] = None
        return f"n->{self.names[name]}"

    # Numbers

    def statements(self, body: tuple[Stmt, ...]) -> list[str]:
        lines: list[str] = []
        for stmt in body:
            match stmt:
                case Assign(name, value):
                    note = self.time.comments.get(name)
                    note = f" /* {note} */" if note else ""
                    lines.append(f"{self.called(name)} = {self.host.text(value)};{note}")
                case If(test, then, otherwise) if self.answer(test) is not None:
                    lines += self.statements(then if self.answer(test) else otherwise)
                case If(test, then, otherwise):
                    sides = [indented(self.statements(side)) for side in (then, otherwise)]
                    test = test if sides[0] else facts.negation(test)
                    sides = [side for side in sides if side]
                    if sides:
                        lines += [f"if ({self.host.text(test)}) {{", *sides[0]]
                        lines += ["} else {", *sides[1]] if len(sides) > 1 else []
                        lines += ["}"]
                case For(count, inner) if inner:
                    head = f"for (int64_t turn = 0; turn < {self.host.text(count)}; turn++) {{"
                    lines += [head, *indented(self.statements(inner)), "}"]
        return lines

    def before(self, phase: int) -> list[str]:
        """The numbers of the model in front of a phase."""
        return self.statements(self.phases[phase].before)

    def late(self) -> list[str]:
        """The numbers of one count of updates."""
        units = [u for made in (self.schedule.walks, self.schedule.wholes) for found in made.values() for u in found]
        wanted = ir.names((*(u.stmt for u in units), *(t.value for t in self.units.totals)))
        return self.statements(self.branches.body(self.time.needed(n for n in self.time.late if n in wanted)))

    def whole(self, at: At) -> list[str]:
        """The numbers of one array in front of a walk."""
        lines: list[str] = []
        for unit in self.schedule.wholes.get(at, []):
            assert isinstance(unit.stmt, Assign)
            ((name, number),) = unit.binds.items()
            value = named(unit.stmt.value, unit.reads, self.values)
            lines.append(f"{self.called(self.values[name, number])} = {self.host.text(value)};")
        return lines

    def total(self, phase: int) -> list[tuple[str, str]]:
        """Each total at the end of a phase: its field, and what one array adds."""
        found = []
        for total in self.units.totals:
            if total.phase == phase:
                value = named(total.value, total.reads, self.values)
                found.append((self.called(total.name), self.host.text(value)))
        return found

    # Walks

    def walk(self, at: At) -> Pass | None:
        if at not in self.schedule.walks:
            return None
        rule = self.rule
        stored = [n for n, when in self.schedule.stored.items() if when == at]
        firsts = [
            s.name for s in rule.slots if s.init.kind == "first_grad" and at <= self.schedule.stored.get(s.name, at)
        ]
        if any(n not in self.schedule.stored for n in firsts):
            raise Unstreamable("a slot that only ever holds the first gradient")
        made = Walk(self.lowered, self.names, self.values, self.host, at, self.schedule.walks[at], stored, firsts)
        head, body = made.lines()
        return Pass(at, head, body, {n: r.function for n, r in made.sums.items()})

    @property
    def sums(self) -> list[str]:
        """Every sum of every pass, in the order of the workspace."""
        return [n for p in self.passes for n in p.sums]
