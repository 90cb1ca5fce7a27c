"""In-place operations on many tensors per call: `torch._foreach_*`, and comprehensions where there is none."""

from __future__ import annotations

from adaspec import ir
from adaspec.inplace import Branch, Item, Loop, Op, Plan
from adaspec.ir import Binary, Call, Expr, Name, Number
from adaspec.kinds import OTHER, SCALAR, Kinds
from adaspec.types import Stage

from .loop import UNARY, Body, Lines
from .scalars import Scalars


def possible(plan: Plan) -> bool:
    """Whether every operation is over arrays of the parameter's shape or 0-d values, and no shape enters."""
    kinds = Kinds(dict(plan.types))

    def of_shape(node: ir.Node) -> bool:
        named = isinstance(node, Name) and node.id in plan.types and plan.types[node.id].stage & Stage.SHAPE
        return bool(named) or isinstance(node, ir.Dim | ir.Ndim)

    def odd(node: ir.Node) -> bool:
        product = isinstance(node, Binary) and node.op == "@"
        along = isinstance(node, Call) and node.option("axis") is not None  # `unfold` and its kin among them
        return product or along or of_shape(node) or isinstance(node, ir.Transpose | ir.Index | ir.Choose)

    def plain(item: Item) -> bool:
        match item:
            case Op(args=args, kind=kind):
                alike = kind != OTHER and all(kinds.kind(a) != OTHER for a in args)
                return alike and not any(odd(n) for n in ir.walk(args))
            case Branch(test, then, otherwise):
                return not any(of_shape(n) for n in ir.walk(test)) and all(plain(i) for i in (*then, *otherwise))
            case Loop(body=body):
                return all(plain(i) for i in body)

    return all(plain(i) for i in plan.items)


class ForeachBody(Body):
    def __init__(self, plan: Plan, scalars: Scalars) -> None:
        super().__init__(plan, scalars)
        self.before: Lines = []

    def arg(self, node: Expr) -> str:
        if self.is_scalar(node):
            return self.number(node)
        if isinstance(node, Name):
            return self.names(node.id)
        name = self.names.fresh("part1")
        self.before.append(f"{name} = {self.comprehension(node)}")
        return name

    def comprehension(self, node: Expr) -> str:
        """The expression for each tensor; the lists and their items have the same names."""
        if isinstance(node, Call) and node.function == "norm" and isinstance(node.args[0], Name):
            return f"torch._foreach_norm({self.names(node.args[0].id)})"
        inner = [n.id for n in ir.walk(node) if isinstance(n, Name) and not self.is_scalar(n)]
        names = [self.names(n) for n in dict.fromkeys(inner)]
        text = self.tensors.text(node)
        like = self.names.param
        drawn = any(isinstance(n, ir.Draw) for n in ir.walk(node))
        if f"{like}.device" in text or drawn:
            names = list(dict.fromkeys([*names, like]))
        names += ["noise"] if drawn else []
        over = names[0] if len(names) == 1 else f"zip({', '.join(names)}, strict=True)"
        return f"[{text} for {', '.join(names)} in {over}]"

    def op(self, op: Op) -> Lines:
        self.before = []
        lines = self.lines(op)
        return self.before + lines

    def lines(self, op: Op) -> Lines:
        out = self.names(op.out)
        if op.function == "expr" and not isinstance(op.args[0], Name):
            return [f"{out} = {self.number(op.args[0]) if op.kind == SCALAR else self.comprehension(op.args[0])}"]
        args = [self.arg(a) for a in op.args]
        scalar = [self.is_scalar(a) for a in op.args]
        state = not op.fresh and op.out in {s.name for s in self.scalars.lowered.rule.slots} | {
            self.scalars.lowered.rule.param
        }
        match op.function:
            case "expr":
                return [f"{out} = {args[0]}"]
            case "copy":
                if op.fresh:
                    return [f"{out} = [tensor.clone() for tensor in {args[0]}]"]
                if scalar[0]:
                    return [f"for tensor in {out}:", f"    tensor.fill_({args[0]})"]
                return [f"torch._foreach_copy_({out}, {args[0]})"]
            case "square":
                return self.call(out, "mul", [args[0], args[0]], op.fresh, state)
            case "add" | "mul" if scalar[0] or (out == args[1] and not op.fresh):
                return self.call(out, op.function, args[::-1], op.fresh, state)
            case "sub" if scalar[0]:
                return [*self.call(out, "neg", args[1:], op.fresh, state), f"torch._foreach_add_({out}, {args[0]})"]
            case "div" if scalar[0]:
                first = self.call(out, "reciprocal", args[1:], op.fresh, state)
                return first if op.args[0] == Number(1) else [*first, f"torch._foreach_mul_({out}, {args[0]})"]
            case "maximum" | "minimum":
                if scalar[0]:
                    args, scalar = args[::-1], scalar[::-1]
                clamp = "clamp_min" if op.function == "maximum" else "clamp_max"
                return self.call(out, clamp if scalar[1] else op.function, args, op.fresh, state)
            case "clip":
                low = "clamp_min" if scalar[1] else "maximum"
                high = "clamp_max" if scalar[2] else "minimum"
                return [*self.call(out, low, args[:2], op.fresh, state), f"torch._foreach_{high}_({out}, {args[2]})"]
            case "axpy":
                if out == args[1] and out != args[0] and state:
                    return [f"torch._foreach_mul_({out}, {args[2]})", f"torch._foreach_add_({out}, {args[0]})"]
                return self.call(out, "add", [*args[:2], f"alpha={args[2]}"], op.fresh, state)
        assert op.function in (*UNARY, "add", "sub", "mul", "div", "pow", "lerp", "addcmul", "addcdiv"), op.function
        return self.call(out, op.function, args, op.fresh, state)

    def call(self, out: str, function: str, args: list[str], fresh: bool, state: bool) -> Lines:
        if not fresh and out == args[0]:
            return [f"torch._foreach_{function}_({', '.join(args)})"]
        text = f"torch._foreach_{function}({', '.join(args)})"
        if not state:
            return [f"{out} = {text}"]
        if out not in args and function not in ("neg", "reciprocal"):
            rest = ", ".join([out, *args[1:]])
            return [f"torch._foreach_copy_({out}, {args[0]})", f"torch._foreach_{function}_({rest})"]
        return [f"torch._foreach_copy_({out}, {text})"]
