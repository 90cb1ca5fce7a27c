"""One walk as a loop over the elements of an array, each loaded once, computed in registers and stored once."""

from __future__ import annotations

from adaspec import ir
from adaspec.inplace import Branch, Item, Loop, Op
from adaspec.ir import Assign, Binary, Call, Expr, Number
from adaspec.lower import Lowered, Subtract, lowered_type
from adaspec.streams.names import Names
from adaspec.streams.schedule import At
from adaspec.streams.timeline import data
from adaspec.streams.units import Unit
from adaspec.streams.values import Values
from adaspec.streams.walk import Walk as StreamWalk

from .printers import ElementPrinter, NumberPrinter

OPERATORS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**"}


class Walk(StreamWalk):
    """`stored` are the arrays that this walk writes, `firsts` the slots that begin with the first gradient."""

    def __init__(
        self, lowered: Lowered, names: Names, values: Values, host: NumberPrinter, at: At, units: list[Unit],
        stored: list[str], firsts: list[str],
    ) -> None:  # fmt: skip
        super().__init__(lowered, names, values, at, units)
        self.host = host
        self.stored = stored
        self.firsts = firsts
        self.constants: dict[str, str] = {}
        """The names of numbers by their text."""
        self.hint = "k"
        self.declared: set[str] = set()
        self.early: list[str] = []
        """Variables that a branch or a loop binds first: they are declared in front of it."""

    def lines(self) -> tuple[list[str], list[str]]:
        """What stands in front of the loop, and its body."""
        rule = self.rule
        made = self.plan(self.lowered.intervals, frozenset(), self.names.taken)
        self.names.taken |= {*made.scratch, *made.types}
        self.elements = ElementPrinter(made.types, self.names.__getitem__, self.constant)
        self.truths = {n for n, t in made.types.items() if t.truth}
        used = data(self.body) | {s.name for s in ir.walk(self.body) if isinstance(s, Assign | Subtract)}
        used |= {*self.stored}
        firsts = [n for n in self.firsts if n in used]
        used |= {rule.grad} if firsts else set()
        arrays = [rule.grad, rule.param, *rule.array_inputs, *(s.name for s in rule.slots if s.init.whole)]
        arrays = [n for n in arrays if n in used]
        self.declared = {*arrays, *self.sums}
        steps = self.items(made.items)
        body = [line for n in arrays for line in self.load(n, n in firsts)]
        body += [f"{self.kind(n)} {self.names[n]};" for n in self.early]
        body += [*steps, *(self.store(n) for n in arrays if n in self.stored)]
        head = [f"const REAL {name} = (REAL)({text});" for text, name in self.constants.items()]
        pointers = [self.pointer(n, n in self.stored) for n in arrays]
        return [*pointers, *(["const int begins = a->t == 1;"] if firsts else []), *head], body

    # Memory

    def pointer(self, name: str, written: bool) -> str:
        rule, text = self.rule, self.names[name]
        if name == rule.param:
            kind = "PARAM_T"
        elif name == rule.grad or name in rule.array_inputs:
            kind = "GRAD_T" if name == rule.grad else "REAL"
        else:
            kind = slot_type(next(s for s in rule.slots if s.name == name))
        return f"{'' if written else 'const '}{kind} *restrict const {text}_at = a->{text};"

    def load(self, name: str, first: bool) -> list[str]:
        text = self.names[name]
        value = f"{text}_at[i]"
        if name == self.rule.param:
            value = f"LOAD_PARAM({value})"
        elif name == self.rule.grad:
            value = f"LOAD_GRAD({value})"
        else:
            slot = next((s for s in self.rule.slots if s.name == name), None)
            if slot is not None and slot.dtype:
                value = f"from_{slot.dtype}({value})" if "float16" in slot.dtype else f"R({value})"
        lines = [f"REAL {text} = {value};"]
        return [*lines, f"{text} = begins ? {self.names[self.rule.grad]} : {text};"] if first else lines

    def store(self, name: str) -> str:
        text = self.names[name]
        slot = next((s for s in self.rule.slots if s.name == name), None)
        if name == self.rule.param:
            return f"{text}_at[i] = STORE_PARAM({text});"
        if slot is not None and slot.dtype:
            value = f"to_{slot.dtype}({text})" if "float16" in slot.dtype else f"({slot_type(slot)}){text}"
            return f"{text}_at[i] = {value};"
        return f"{text}_at[i] = {text};"

    # Names

    def kind(self, name: str) -> str:
        return "int" if name in self.truths else "REAL"

    def constant(self, node: Expr) -> str:
        """A number in front of the loop, rounded once; a static fact as it is."""
        text = self.host.text(node)
        if lowered_type(node, {**self.lowered.types, **self.types}).truth:
            return f"({text})"
        if text not in self.constants:
            name = text[3:] if text[3:].isidentifier() else self.hint  # h->lr, n->c1
            self.constants[text] = self.names.fresh(f"{name}_" if name in self.declared else name)
        return self.constants[text]

    # Operations

    def items(self, items: tuple[Item, ...], depth: int = 0) -> list[str]:
        lines: list[str] = []
        for item in items:
            match item:
                case Op():
                    lines += self.op(item, depth)
                case Branch(test, then, otherwise):
                    text = self.host.text(test)
                    sides = [self.items(side, depth + 1) for side in (then, otherwise)]
                    if not sides[0]:
                        text, sides = f"!({text})", sides[::-1]
                    if sides[0]:
                        lines += [f"if ({text}) {{", *indented(sides[0])]
                        lines += ["} else {", *indented(sides[1])] if sides[1] else []
                        lines += ["}"]
                case Loop(count, body):
                    turn = f"turn{depth or ''}"
                    head = f"for (int64_t {turn} = 0; {turn} < {self.host.text(count)}; {turn}++) {{"
                    lines += [head, *indented(self.items(body, depth + 1)), "}"]
        return lines

    def op(self, op: Op, depth: int) -> list[str]:
        if op.out in self.sums:
            return self.accumulate(op)
        self.hint = "rate" if op.out == self.rule.param else "k"
        text, out = self.value(op), self.names[op.out]
        if text == out:
            return []
        new = op.out not in self.declared
        self.declared.add(op.out)
        if new and depth:  # known behind the branch too
            self.early.append(op.out)
        return [f"{f'{self.kind(op.out)} ' if new and not depth else ''}{out} = {text};"]

    def value(self, op: Op) -> str:
        args, text = op.args, self.elements.text
        if op.function == "expr":
            (value,) = args
            if isinstance(value, Call) and value.function == "copy":
                (value,) = value.args
            return text(value)
        if op.function in OPERATORS:
            return text(Binary(OPERATORS[op.function], *args))
        if op.function == "neg":
            return text(ir.Unary("-", *args))
        if op.function == "square":
            return text(Binary("**", args[0], Number(2)))
        return text(args[0]) if op.function == "copy" else text(Call(op.function, args))

    def squared(self, value: Expr) -> Expr:
        """A norm squares its elements in double, whose range no square of a float leaves; see `accumulate`."""
        return value

    def accumulate(self, op: Op) -> list[str]:
        (call,) = op.args
        assert isinstance(call, Call)
        name, value = self.names[op.out], self.elements.text(call.args[0])
        if self.sums[op.out].function in ("norm", "rms"):
            return [f"{name} += square_d({value});"]
        if self.sums[op.out].function == "max":
            return [f"odd |= !({value} == {value});", f"{name} = {value} > {name} ? {value} : {name};"]
        return [f"{name} += {value};"]


def slot_type(slot: ir.Slot) -> str:
    if slot.dtype is None:
        return "REAL"
    return {"float32": "float", "float64": "double"}.get(slot.dtype, "HALF_T")


def indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]
