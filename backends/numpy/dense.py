"""Bodies that cannot stream: axes, matrix products, loops. Printed as the expressions that they are, results written back.

Such rules allocate their intermediate arrays; the streamed ones do not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from adaspec import ir
from adaspec.emit import HostPrinter
from adaspec.ir import Assign, Binary, Call, Expr, For, If, Stmt
from adaspec.lower import Lowered, Subtract, View
from adaspec.phases import Phase
from adaspec.printer import PRECEDENCE, Printer

HyperLines = Callable[[set[str], str, str], list[str]]


class ArrayPrinter(Printer):
    """Expressions that hold arrays, with `np` functions; a scalar part is printed for the host."""

    def __init__(self, lowered: Lowered, names: Mapping[str, str], host: HostPrinter) -> None:
        self.types = lowered.types
        self.names = names
        self.host = host

    def node(self, node: Expr) -> tuple[str, int]:
        if self.on_host(node):
            return self.host.node(node)
        return super().node(node)

    def on_host(self, node: Expr) -> bool:
        """Whether no array data enters: such parts are Python numbers."""
        if isinstance(node, ir.Choose) or any(isinstance(n, ir.Transpose | ir.Index) for n in ir.walk(node)):
            return False
        shaped = {id(n.operand) for n in ir.walk(node) if isinstance(n, ir.Dim | ir.Ndim)}
        reads = [n for n in ir.walk(node) if isinstance(n, ir.Name) and id(n) not in shaped]
        known = [self.types[n.id] for n in reads if n.id in self.types]
        return all(t.stage.host or (t.stage.shared and not t.is_array) for t in known)

    def name(self, name: str) -> str:
        return self.names.get(name, name)

    def transpose(self, operand: Expr) -> str:
        return f"{self.text(operand, PRECEDENCE['atom'])}.swapaxes(-1, -2)"

    def binary(self, op: str, left: Expr, right: Expr) -> tuple[str, int]:
        if op == "**" and right == ir.Number(2):
            return f"np.square({self.text(left)})", PRECEDENCE["atom"]
        return super().binary(op, left, right)

    def call(self, node: Call) -> tuple[str, int]:
        atom = PRECEDENCE["atom"]
        args = [self.text(a) for a in node.args]
        axis = "".join(f", axis={self.text(v)}" for _, v in node.options)
        match node.function:
            case "lerp":
                old, new = self.text(node.args[0], PRECEDENCE["+"]), self.text(node.args[1], PRECEDENCE["+"])
                back = self.text(node.args[0], PRECEDENCE["+"] + 1)
                return f"{old} + {self.text(node.args[2], PRECEDENCE['*'])} * ({new} - {back})", PRECEDENCE["+"]
            case "norm":
                return f"np.sqrt(np.sum(np.square({args[0]}){axis}))", atom
            case "rms":
                return f"np.sqrt(np.mean(np.square({args[0]}){axis}))", atom
            case "sum" | "mean" | "max":
                return f"np.{node.function}({args[0]}{axis})", atom
            case "rsqrt":
                return f"1.0 / np.sqrt({args[0]})", PRECEDENCE["/"]
            case "clip":
                return f"np.minimum(np.maximum({args[0]}, {args[1]}), {args[2]})", atom
        return f"np.{node.function}({', '.join(args)})", atom


class Dense:
    def __init__(self, lowered: Lowered, names: Mapping[str, str], host: HostPrinter) -> None:
        self.lowered = lowered
        self.rule = lowered.rule
        self.names = names
        self.host = host
        self.printer = ArrayPrinter(lowered, names, host)

    def phase(self, phase: Phase, pad: str) -> list[str]:
        body = phase.body
        values = tuple(t.value for t in phase.totals)
        reads = ir.names(body) | {n for v in values for n in ir.names(v)}
        bound = set(ir.assigned(body)) | {n.name for n in ir.walk(body) if isinstance(n, Subtract)}
        x = self.names[self.rule.param]
        lines = [f"{pad}{x} = _wide(param)"]
        if self.rule.grad in reads:
            lines.append(f"{pad}{self.names[self.rule.grad]} = grad.astype({x}.dtype, copy=False)")
        slots = [s for s in self.rule.slots if s.name in reads | bound]
        lines += [f'{pad}{self.names[s.name]} = slots["{s.name}"]' for s in slots]
        for k, earlier in enumerate(self.lowered.phases):
            if earlier is phase:
                break
            lines += [f'{pad}{self.names[n]} = slots["carried {n}"]' for n in earlier.carried if n in reads]
            _ = k
        lines += self.block(body, pad)
        lines += self.store(phase, bound, slots, pad)
        lines += [f"{pad}{self.names[t.name]} += float({self.printer.text(t.value)})" for t in phase.totals]
        return lines

    def store(self, phase: Phase, bound: set[str], slots: list[ir.Slot], pad: str) -> list[str]:
        lines = []
        for s in slots:
            if s.name in bound:
                name = self.names[s.name]
                always = self.lowered.presence[s.name] == ir.Constant(True)
                lead = "" if always else f'if slots["{s.name}"] is not None:\n{pad}    '
                lines.append(f'{pad}{lead}slots["{s.name}"][...] = {name}')
        if self.rule.param in bound:
            lines.append(f"{pad}param[...] = {self.names[self.rule.param]}")
        lines += [f'{pad}slots["carried {n}"] = {self.names[n]}' for n in phase.carried]
        last = self.lowered.phases.index(phase)
        for p in self.lowered.phases[:last]:
            done = [n for n in p.carried if not any(n in ir.names(q.body) for q in self.lowered.phases[last + 1 :])]
            lines += [f'{pad}slots.pop("carried {n}", None)' for n in done]
        return lines

    def block(self, body: tuple[Stmt, ...], pad: str) -> list[str]:
        lines: list[str] = []
        for stmt in body:
            match stmt:
                case Assign(name, value):
                    lines.append(f"{pad}{self.names.get(name, name)} = {self.printer.text(value)}")
                case Subtract(name, value):
                    lines.append(f"{pad}{self.names[name]} = {self.names[name]} - {self.printer.text(value, PRECEDENCE['+'] + 1)}")
                case If(test, then, otherwise):
                    lines += [f"{pad}if {self.host.text(test)}:", *(self.block(then, pad + "    ") or [f"{pad}    pass"])]
                    if otherwise:
                        lines += [f"{pad}else:", *self.block(otherwise, pad + "    ")]
                case For(count, inner):
                    lines += [f"{pad}for _ in range({self.host.text(count)}):", *self.block(inner, pad + "    ")]
        return lines

    def view(self, view: View, hypers: HyperLines) -> list[str]:
        pad = " " * 12
        reads = ir.names(view.body) | ir.names(view.value)
        lines = hypers(reads, 'state["step"]', pad)
        shared = [s.name for s in self.rule.shared if s.name in reads]
        lines += [f'{pad}{self.names[n]} = state["shared"]["{n}"]' for n in shared]
        inner = pad + "    "
        x = self.names[self.rule.param]
        lines += [
            "",
            f"{pad}def one(path: str, param: Any) -> Any:",
            f"{inner}if not param.size:",
            f"{inner}    return param.copy()",
            f'{inner}slots = state["slots"][path]',
            f"{inner}{x} = _wide(param)",
        ]
        lines += [f'{inner}{self.names[s.name]} = slots["{s.name}"]' for s in self.rule.slots if s.name in reads]
        if self.rule.step in reads:
            lines.append(f'{inner}{self.names[str(self.rule.step)]} = slots["step"]')
        lines += self.block(view.body, inner)
        lines += [f"{inner}return np.asarray({self.printer.text(view.value)}).astype(param.dtype)", ""]
        return [*lines, f'{pad}with np.errstate(all="ignore"):', f"{pad}    return _rebuilt(params, one)"]


def is_matrix(node: Expr) -> bool:
    return isinstance(node, Binary) and node.op == "@"
