"""In-place operations on one tensor, as a torch expert would write them."""

from __future__ import annotations

from adaspec import ir
from adaspec.inplace import Branch, Item, Loop, Op, Plan
from adaspec.ir import Expr, Name, Number
from adaspec.kinds import SCALAR, Kinds
from adaspec.types import Stage

from .printer import ShapePrinter, TorchPrinter
from .scalars import Scalars

Lines = list[str]
UNARY = ("neg", "abs", "sign", "sqrt", "rsqrt", "exp", "expm1", "log", "log1p", "tanh", "floor")


class Body:
    """What the printers of a plan share: how its arguments read."""

    def __init__(self, plan: Plan, scalars: Scalars) -> None:
        self.plan = plan
        self.scalars = scalars
        self.names = scalars.names
        self.kinds = Kinds(dict(plan.types))
        like = self.names.param
        self.tensors = TorchPrinter(self.names, self.is_scalar, self.number, scalars.fact, like)
        self.shapes = ShapePrinter(self.names, self.passed)
        self.hint = "k1"

    def is_scalar(self, node: Expr) -> bool:
        return self.kinds.kind(node) == SCALAR

    def number(self, node: Expr) -> str:
        return self.scalars.use(node, self.hint) if self.scalars.is_pure(node) else self.shapes.text(node)

    def passed(self, node: Expr) -> str | None:
        """Inside a number that a shape enters: the parts that the host knows."""
        if isinstance(node, Number | ir.Constant) or not self.scalars.is_pure(node):
            return None
        return self.scalars.use(node, self.hint)

    def block(self, items: tuple[Item, ...], indent: str) -> Lines:
        lines: Lines = []
        for item in items:
            match item:
                case Branch(test, then, otherwise, real):
                    text = self.condition(test) if real else self.scalars.fact(test)
                    lines += [f"{indent}if {text}:"]
                    lines += self.block(then, indent + "    ") or [f"{indent}    pass"]
                    if otherwise:
                        lines += [f"{indent}else:", *self.block(otherwise, indent + "    ")]
                case Loop(count, body):
                    lines += [f"{indent}for _ in range({self.scalars.fact(count)}):"]
                    lines += self.block(body, indent + "    ") or [f"{indent}    pass"]
                case Op():
                    self.hint = hint(item, self.names.param)
                    lines += [f"{indent}{line}" for line in self.op(item)]
        return lines

    def condition(self, test: Expr) -> str:
        """The condition of a real branch: the host's truth value, also in a compiled graph, which is then one of two.

        What a shape enters is found where the tensor is.
        """
        return self.scalars.truth(test) if self.scalars.is_pure(test) else self.shapes.text(test)

    def told(self, name: str, text: str) -> str:
        """A number for a name that holds a tensor on another branch, as one."""
        known = self.plan.types.get(name)
        if known is None or not known.stage & Stage.ARRAY:
            return text
        like = self.names.param
        return (
            f"torch.as_tensor({text}, dtype={'torch.bool' if known.truth else f'{like}.dtype'}, device={like}.device)"
        )

    def op(self, op: Op) -> Lines:
        raise NotImplementedError


def hint(op: Op, param: str) -> str:
    """A name for the scalar of an operation: the weight of an average, the rate of the update, or just a number."""
    if op.function == "lerp":
        return f"w_{op.out}"
    return "rate" if op.out == param and op.function in ("axpy", "addcmul", "addcdiv") else "k1"


class LoopBody(Body):
    """`a = torch.sqrt(v, out=a)`: a fresh array is the scratch that is lent; where `a` is None, torch makes one.

    A compiler is given the scalars as tensors; those it takes for `alpha` and `value` in methods that end in `_` alone.
    """

    def arg(self, node: Expr) -> str:
        return self.number(node) if self.is_scalar(node) else self.tensors.text(node)

    def op(self, op: Op) -> Lines:
        out = self.names(op.out)
        args = [self.arg(a) for a in op.args]
        scalar = [self.is_scalar(a) for a in op.args]
        match op.function:
            case "expr":
                if op.kind == SCALAR:
                    fact = self.scalars.seen_through(op.args[0])
                    return [f"{out} = {self.told(op.out, self.shapes.text(fact))}"]
                return [f"{out} = {args[0]}"]
            case "copy":
                if op.fresh:
                    return [f"{out} = {args[0]}.clone()"]
                return [f"{out}.{'fill' if scalar[0] else 'copy'}_({args[0]})"]
            case "square":
                return [self.call(op, out, "mul", [args[0], args[0]])]
            case "add" | "mul" if scalar[0] or (out == args[1] and not op.fresh):
                return [self.call(op, out, op.function, args[::-1])]
            case "sub" if scalar[0]:
                return [self.call(op, out, "neg", args[1:]), f"{out}.add_({args[0]})"]
            case "div" if scalar[0]:
                first = self.call(op, out, "reciprocal", args[1:])
                return [first] if op.args[0] == Number(1) else [first, f"{out}.mul_({args[0]})"]
            case "maximum" | "minimum" if any(scalar):
                if scalar[0]:
                    args = args[::-1]
                bound = "min" if op.function == "maximum" else "max"
                return [self.call(op, out, "clamp", args[:1], f"{bound}={args[1]}")]
            case "maximum" | "minimum":
                return [self.call(op, out, op.function, args, method=False)]
            case "clip" if scalar[1] == scalar[2]:
                return [self.call(op, out, "clamp", args)]
            case "clip":
                low = self.op(Op(op.out, "maximum", op.args[:2], op.fresh, op.kind, op.scratch))
                return low + self.op(Op(op.out, "minimum", (Name(op.out), op.args[2]), False, op.kind))
            case "axpy":
                if out == args[0] and not op.fresh:
                    return [self.call(op, out, "add", args[:2], f"alpha={args[2]}")]
                if self.lent(op) == args[0]:  # the buffer holds the very array that is added to
                    return [f"{out} = {args[0]}.add_({args[1]}, alpha={args[2]})"]
                return [f"{self.call(op, out, 'mul', args[1:])}.add_({args[0]})"]
            case "addcmul" | "addcdiv":
                if out == args[0] and not op.fresh:
                    return [self.call(op, out, op.function, args[:3], f"value={args[3]}")]
                if self.lent(op) == args[0]:
                    return [f"{out} = {args[0]}.{op.function}_({args[1]}, {args[2]}, value={args[3]})"]
                return [f"{self.call(op, out, op.function[-3:], args[1:3])}.mul_({args[3]}).add_({args[0]})"]
        return [self.call(op, out, op.function, args, method=op.function != "pow" or not scalar[0])]

    def lent(self, op: Op) -> str | None:
        return self.names(op.scratch) if op.scratch else None

    def call(self, op: Op, out: str, function: str, args: list[str], option: str = "", method: bool = True) -> str:
        more = [option] if option else []
        if not op.fresh:
            if out == args[0] and method:
                return f"{out}.{function}_({', '.join(args[1:] + more)})"
            return f"torch.{function}({', '.join([*args, *more, f'out={out}'])})"
        if op.scratch:
            more = [*more, f"out={self.names(op.scratch)}"]
        return f"{out} = torch.{function}({', '.join(args + more)})"
