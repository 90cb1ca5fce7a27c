"""The body of a phase as NumPy lines: `out=` calls block by block where it streams, plain expressions where it cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from adaspec import ir
from adaspec.emit import HostPrinter
from adaspec.inplace import SCALAR, Branch, Item, Op, plan
from adaspec.ir import Assign, Binary, Expr, If, Name, Number, Stmt, Unary
from adaspec.lower import Lowered, Subtract, View
from adaspec.phases import Phase
from adaspec.printer import PRECEDENCE
from adaspec.stage import Stage, Type

from .dense import Dense
from .passes import NotStreamable, Pass, Stream, Streamed, streamable

HyperLines = Callable[[set[str], str, str], list[str]]

INPLACE = {"add": "+=", "sub": "-=", "mul": "*=", "div": "/="}
CALLS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "div": "divide", "pow": "power", "neg": "negative", "abs": "abs",
    "rsqrt": "sqrt", "and": "logical_and", "or": "logical_or", "not": "logical_not", "<": "less", "<=": "less_equal",
    ">": "greater", ">=": "greater_equal", "==": "equal", "!=": "not_equal",
}  # fmt: skip


class Body:
    def __init__(self, lowered: Lowered, names: Mapping[str, str], host: HostPrinter) -> None:
        self.lowered = lowered
        self.rule = lowered.rule
        self.names = names
        self.host = host
        self.taken = set(lowered.types) | set(names.values())
        self.plans = [self.plan(p) for p in lowered.phases]
        self.streams = any(isinstance(p, Streamed) and p.passes for p in self.plans)

    def plan(self, phase: Phase) -> Streamed | None:
        if not streamable(self.lowered, phase):
            return None
        try:
            return Stream(self.lowered, self.taken).run(phase, phase.body)
        except NotStreamable:
            return None

    # One phase

    def phase(self, k: int, hypers: HyperLines) -> list[str]:
        phase, plan = self.lowered.phases[k], self.plans[k]
        lines: list[str] = []
        pad = " " * 12
        if k == 0:
            reads = set().union(*(ir.names((*p.scalars, *p.body)) for p in self.lowered.phases))
            reads |= {n for p in self.lowered.phases for t in p.totals for n in ir.names(t.value)}
            lines += hypers(reads, 'state["step"]', pad)
            lines += [f'{pad}{self.names[s.name]} = shared["{s.name}"]' for s in self.rule.shared]
        if phase.model:
            if self.uses_step(phase.model):
                lines.append(f'{pad}{self.names[str(self.rule.step)]} = state["step"]')
            lines += self.numbers(phase.model, pad)
        loop = self.loop(phase, plan)
        if loop or phase.totals:
            lines += [f"{pad}{self.names[t.name]} = 0.0" for t in phase.totals]
            t = self.names[self.rule.step] if self.rule.step and self.uses_step(phase.local, phase.body) else "_"
            over = f"{pad}for {t}, group in work.items():" if t != "_" else f"{pad}for group in work.values():"
            lines += [over, *self.timed(phase, pad + "    "), *loop]
        if k == len(self.lowered.phases) - 1:
            for s in self.rule.shared:
                lines.append(f'{pad}shared["{s.name}"] = {self.names[self.lowered.shared_values[s.name]]}')
        return lines

    def uses_step(self, *bodies: tuple[Stmt, ...]) -> bool:
        return self.rule.step is not None and any(self.rule.step in ir.names(b) for b in bodies)

    def timed(self, phase: Phase, pad: str) -> list[str]:
        """The scalars of one count of updates; those that the model has computed already and no t enters are left out."""
        late = {str(self.rule.step)}
        for stmt in phase.local:
            if ir.names(stmt) & late:
                late |= set(ir.assigned((stmt,)))
        again = tuple(s for s in phase.local if s not in phase.model or ir.names(s) & late)
        return self.numbers(again, pad)

    def numbers(self, body: tuple[Stmt, ...], pad: str) -> list[str]:
        lines: list[str] = []
        for stmt in body:
            match stmt:
                case Assign(name, value):
                    lines += noted(f"{pad}{self.names.get(name, name)} = {self.host.text(value)}", self.lowered.comments.get(name))
                case If(test, then, otherwise):
                    lines += [f"{pad}if {self.host.text(test)}:", *self.numbers(then, pad + "    ")]
                    if otherwise:
                        lines += [f"{pad}else:", *self.numbers(otherwise, pad + "    ")]
        return lines

    def loop(self, phase: Phase, plan: Streamed | None) -> list[str]:
        pad = " " * 20
        head = [" " * 16 + "for param, grad, slots in group:"]
        first = self.first_grads(phase, pad)
        if plan is None:
            dense = Dense(self.lowered, self.names, self.host)
            return [*head, *first, *dense.phase(phase, pad)]
        inner = self.streamed(plan, pad)
        return [*(" " * 16 + line for line in self.early), *head, *first, *inner] if inner else []

    def first_grads(self, phase: Phase, pad: str) -> list[str]:
        if phase is not self.lowered.phases[0]:
            return []
        found = [s.name for s in self.rule.slots if s.init.kind == "first_grad"]
        lines = [f'{pad}if slots["step"] == 1:'] if found else []
        return [*lines, *(f'{pad}    slots["{name}"][...] = grad' for name in found)]

    # Streaming

    def streamed(self, plan: Streamed, pad: str) -> list[str]:
        self.early: list[str] = []
        self.hoisted: dict[str, str] = {}
        scalars = {s.name for s in self.rule.slots if s.init.scalar}
        lines: list[str] = []
        reads = {n for p in plan.passes for a in p.numbers for n in ir.names(a.value) | {a.name}}
        reads |= {n for p in plan.passes for s in p.arrays for n in ir.names(s)}
        for name in [s.name for s in self.rule.slots if s.name in scalars and s.name in reads]:
            lines.append(f'{pad}{self.names[name]} = float(slots["{name}"])')
        for part in plan.passes:
            lines += self.numbers(part.numbers, pad)
            lines += self.walk(part, pad)
        bound = {a.name for p in plan.passes for a in p.numbers}
        for name in [s.name for s in self.rule.slots if s.name in scalars & bound]:
            lines.append(f'{pad}slots["{name}"][...] = {self.names[name]}')
        for name, value in plan.totals:
            lines.append(f"{pad}{self.names[name]} += {self.host.text(value)}")
        return lines

    def walk(self, part: Pass, pad: str) -> list[str]:
        """One walk over the blocks of a parameter."""
        if not part.arrays and not part.reductions:
            return []
        values = {r.name: f"{r.name} values" for r in part.reductions if not isinstance(r.value, Name)}
        body = (*part.arrays, *(Assign(values[r.name], r.value) for r in part.reductions if r.name in values))
        types = dict(self.lowered.types) | dict.fromkeys(values.values(), self.lowered.types[self.rule.param])
        types |= {r.name: Type(Stage.ARRAY) for r in part.reductions}
        kept = [*values.values(), *(r.value.id for r in part.reductions if isinstance(r.value, Name))]
        made = plan(replace(self.lowered, types=types), Phase((), body), kept, frozenset())
        self.scratch = list(made.scratch)
        self.held: dict[str, str] = {}
        steps = self.items(made.items, pad + "    ")
        squares = any(r.function in ("norm", "rms") for r in part.reductions)
        temps = [*self.scratch, *(["square"] if squares else [])]
        used = {n for s in body for n in ir.names(s)} | {n.name for n in ir.walk(body) if isinstance(n, Assign | Subtract)}
        used |= set(kept)
        full = [s.name for s in self.rule.slots if not s.init.scalar]
        arrays = [n for n in (self.rule.param, self.rule.grad, *full) if n in used]
        sources = {self.rule.param: "param", self.rule.grad: "grad"}
        if self.rule.param not in arrays:  # the first array says the dtype
            arrays = [self.rule.param, *arrays]
        given = ", ".join(sources.get(n, f'slots["{n}"]') for n in arrays)
        targets = ", ".join([*(self.names[n] if n in used else "_" for n in arrays), *temps])
        lines = [f"{pad}{r.name} = {'-math.inf' if r.function == 'max' else '0.0'}" for r in part.reductions]
        head = f"{pad}for {targets} in _blocks([{given}], {len(temps)}):"
        if len(head) > 120:
            lines.append(f"{pad}arrays = [{given}]")
            head = f"{pad}for {targets} in _blocks(arrays, {len(temps)}):"
        lines.append(head)
        lines += steps
        for r in part.reductions:
            register = self.register(values[r.name] if r.name in values else r.value.id)  # type: ignore[attr-defined]
            lines += self.accumulate(r.name, r.function, register, pad + "    ")
        for r in part.reductions:
            lines += self.finish(r.name, r.function, pad)
        return lines

    def accumulate(self, name: str, function: str, register: str, pad: str) -> list[str]:
        if function == "max":
            return [f"{pad}{name} = np.maximum({name}, {register}.max())"]
        if function in ("norm", "rms"):
            return [f"{pad}np.multiply({register}, {register}, out=square)", f"{pad}{name} += float(square.sum())"]
        return [f"{pad}{name} += float({register}.sum())"]

    def finish(self, name: str, function: str, pad: str) -> list[str]:
        match function:
            case "norm":
                return [f"{pad}{name} = math.sqrt({name})"]
            case "rms":
                return [f"{pad}{name} = math.sqrt({name} / param.size)"]
            case "mean":
                return [f"{pad}{name} /= param.size"]
            case "max":
                return [f"{pad}{name} = float({name})"]
        return []

    def register(self, name: str) -> str:
        return self.held.get(name) or self.names.get(name, name)

    def items(self, items: tuple[Item, ...], pad: str) -> list[str]:
        lines: list[str] = []
        for item in items:
            match item:
                case Op():
                    lines += [pad + line for line in self.op(item)]
                case Branch(test, then, otherwise):
                    sides = [self.items(s, pad + "    ") for s in (then, otherwise)]
                    if sides[0]:
                        lines += [f"{pad}if {self.host.text(test)}:", *sides[0]]
                        lines += [f"{pad}else:", *sides[1]] if sides[1] else []
                    elif sides[1]:
                        lines += [f"{pad}if not ({self.host.text(test)}):", *sides[1]]
        return lines

    def arg(self, node: Expr) -> str:
        """An operand: an array's name, or a number, which is computed before the loops if it is more than a name."""
        if isinstance(node, Name):
            return self.register(node.id)
        simple = isinstance(node, Number) or (isinstance(node, Unary) and isinstance(node.operand, Name | Number))
        product = isinstance(node, Binary) and node.op in "+-*"
        simple = simple or (product and all(isinstance(n, Name | Number) for n in (node.left, node.right)))  # type: ignore[attr-defined]
        shared = all(n not in self.lowered.types or self.lowered.types[n].stage.shared for n in ir.names(node))
        if simple or not shared or not ir.names(node):
            text, level = self.host.node(node)
            return text if level > PRECEDENCE["*"] else f"({text})"
        if isinstance(node, Unary) and node.op == "-":
            return f"-{self.arg(node.operand)}"
        text = self.host.text(node)
        if text not in self.hoisted:
            lead = next(n.id for n in ir.walk(node) if isinstance(n, Name))
            name, number = f"{lead}_t", 2
            while name in self.taken:
                name, number = f"{lead}_t{number}", number + 1
            self.taken.add(name)
            self.hoisted[text] = name
            self.early.append(f"{name} = {text}")
        return self.hoisted[text]

    def bare(self, node: Expr) -> str:
        """An operand that stands alone, without brackets."""
        text = self.arg(node)
        whole = text.startswith("(") and text.endswith(")") and text.count("(") == 1
        return text[1:-1] if whole else text

    def op(self, op: Op) -> list[str]:
        if op.kind == SCALAR or (op.function == "expr" and not isinstance(op.args[0], Name)):
            return [f"{self.names.get(op.out, op.out)} = {self.host.text(op.args[0])}"]
        args = [self.bare(a) for a in op.args]
        if op.function == "expr":
            self.held[op.out] = args[0]
            return []
        dest = self.destination(op)
        same = args[0] == dest
        match op.function:
            case "copy":
                return [f"{dest}[...] = {args[0]}"]
            case "add" if not same and len(args) > 1 and args[1] == dest:
                return [f"{dest} += {args[0]}"]
            case "mul" if not same and len(args) > 1 and args[1] == dest:
                return [f"{dest} *= {args[0]}"]
            case name if name in INPLACE and same:
                return [f"{dest} {INPLACE[name]} {args[1]}"]
            case "clip":
                return [f"np.maximum({args[0]}, {args[1]}, out={dest})", f"np.minimum({dest}, {args[2]}, out={dest})"]
            case "where":
                return [f"{dest}[...] = np.where({', '.join(args)})"]
            case "rsqrt":
                return [f"np.sqrt({args[0]}, out={dest})", f"np.divide(1.0, {dest}, out={dest})"]
            case "square":
                return [f"np.multiply({args[0]}, {args[0]}, out={dest})"]
        name = CALLS.get(op.function, op.function)
        return [f"np.{name}({', '.join(args)}, out={dest})"]

    def destination(self, op: Op) -> str:
        """The array that an operation writes: the one that is held under its name, else a temporary of the block."""
        if not op.fresh:
            return self.register(op.out)
        place = op.scratch
        if place is None:  # inside a branch: a temporary of its own, which the name keeps behind the branch too
            place = f"tmp{len(self.scratch) + 1}"
            self.scratch.append(place)
        self.held[op.out] = place
        return place

    # Views

    def view(self, view: View, hypers: HyperLines) -> list[str]:
        dense = Dense(self.lowered, self.names, self.host)
        return dense.view(view, hypers)


def noted(line: str, note: str | None) -> list[str]:
    """A line with its comment behind it, or in front of it where both are too long for one line."""
    if not note:
        return [line]
    if len(line) + len(note) + 4 <= 120:
        return [f"{line}  # {note}"]
    pad = line[: len(line) - len(line.lstrip())]
    return [f"{pad}# {note}", line]
