"""Expressions over torch tensors, as one would write them; scalars in them stand under the names they are passed by."""

from __future__ import annotations

from collections.abc import Callable

from adaspec import ir
from adaspec.ir import Call, Expr, Name
from adaspec.printer import PRECEDENCE, Printer

ATOM = PRECEDENCE["atom"]
WORDS = {"ndim": "ndim", "size": "numel()", "shape": "shape"}


class TorchPrinter(Printer):
    """`is_scalar` tells which parts are scalars, `scalar` and `fact` print them; `like` is a tensor of the kind."""

    words = WORDS

    def __init__(
        self,
        name: Callable[[str], str],
        is_scalar: Callable[[Expr], bool],
        scalar: Callable[[Expr], str],
        fact: Callable[[Expr], str],
        like: str,
    ) -> None:
        self.rename = name
        self.is_scalar = is_scalar
        self.scalar = scalar
        self.fact = fact
        self.like = like

    def name(self, name: str) -> str:
        return self.rename(name)

    def node(self, node: Expr) -> tuple[str, int]:
        if not isinstance(node, ir.Constant) and self.is_scalar(node):
            text = self.scalar(node)
            literal = PRECEDENCE["neg"] if text[0] == "-" else ATOM
            return text, ATOM if text.isidentifier() else literal if not ir.names(node) and text.count(" ") == 0 else 0
        if isinstance(node, ir.Choose):
            level = PRECEDENCE["choose"]
            sides = self.text(node.then, level + 1), self.text(node.otherwise, level)
            return f"{sides[0]} if {self.fact(node.test)} else {sides[1]}", level
        return super().node(node)

    def draw(self, node: ir.Draw) -> str:
        return f"_{node.kind}({self.like}, noise, {node.stream})"

    def transpose(self, operand: Expr) -> str:
        return f"{self.text(operand, ATOM)}.mT"

    def binary(self, op: str, left: Expr, right: Expr) -> tuple[str, int]:
        if op in "&|":  # bind tighter than comparisons in Python
            return f"{self.text(left, PRECEDENCE['|'])} {op} {self.text(right, PRECEDENCE['|'])}", PRECEDENCE[op]
        return super().binary(op, left, right)

    def call(self, node: Call) -> tuple[str, int]:
        return self.function(node), ATOM

    def function(self, node: Call) -> str:
        name, args = node.function, node.args
        if name in ("sum", "mean", "max", "norm", "rms"):
            return self.reduction(name, self.text(args[0], ATOM), node.option("axis"))
        match name:
            case "square":
                return f"torch.square({self.text(args[0])})"
            case "copy":
                return f"{self.text(args[0], ATOM)}.clone()"
            case "maximum" | "minimum":
                return self.extremum(name, *args)
            case "clip":
                tensors = [a for a in args[1:] if not self.is_scalar(a)]
                if self.is_scalar(args[0]) or len(tensors) == 1:
                    inner = Call("maximum", args[:2])
                    return self.extremum("minimum", inner, args[2])
                return f"torch.clamp({', '.join(self.text(a) for a in args)})"
            case "where":
                return self.where(*args)
            case "take":
                given = node.option("axis")
                axis = "-1" if given is None else self.text(given)
                return f"_take({self.text(args[0])}, {self.text(args[1])}, {axis})"
            case "argsort":
                return f"torch.argsort({self.text(args[0])}, stable=True)"
            case "eigh":
                return f"torch.linalg.eigh({self.text(args[0])})"
            case "svd":
                return f"_svd({self.text(args[0])}, {self.fact(dict(node.options)['rank'])})"
            case "diag":
                return f"torch.linalg.diagonal({self.text(args[0])})"
            case "qr" | "eye":
                return f"_{name}({self.text(args[0])})"
            case "solve_triangular":
                upper = node.option("lower") != ir.Constant(True)
                return f"torch.linalg.solve_triangular({self.text(args[0])}, {self.text(args[1])}, upper={upper})"
            case "unfold" | "fold" | "spread":
                parts = [self.text(args[0]), *(Printer().text(a) for a in args[1:])]
                return f"_{name}({', '.join(parts)}, {Printer().text(node.options[0][1])})"
        return f"torch.{name}({', '.join(self.text(a) for a in args)})"

    def reduction(self, name: str, a: str, axis: Expr | None) -> str:
        where = "" if axis is None else Printer().text(axis)
        match name:
            case "norm":
                return f"torch.linalg.vector_norm({a}{f', dim={where}' if where else ''})"
            case "rms":
                return f"{a}.square().mean({where}).sqrt()"
            case "max":
                return f"{a}.amax({where})"
        return f"{a}.{name}({where})"

    def extremum(self, name: str, a: Expr, b: Expr) -> str:
        if self.is_scalar(a):
            a, b = b, a
        if self.is_scalar(b):
            bound = "min" if name == "maximum" else "max"
            return f"torch.clamp({self.text(a)}, {bound}={self.text(b)})"
        return f"torch.{name}({self.text(a)}, {self.text(b)})"

    def where(self, test: Expr, a: Expr, b: Expr) -> str:
        condition = self.text(test)
        if self.is_scalar(test) or isinstance(test, Name | ir.Choose):  # on a static branch perhaps no tensor
            condition = f"torch.as_tensor({condition}, dtype=torch.bool, device={self.like}.device)"
        first = self.text(a)
        if self.is_scalar(a) and self.is_scalar(b):
            first = f"torch.as_tensor({first}, dtype={self.like}.dtype, device={self.like}.device)"
        return f"torch.where({condition}, {first}, {self.text(b)})"


class ShapePrinter(Printer):
    """Numbers that a parameter's shape enters: computed where the tensor is, with the scalars that are passed."""

    words = WORDS

    def __init__(self, name: Callable[[str], str], passed: Callable[[Expr], str | None]) -> None:
        self.rename = name
        self.passed = passed

    def name(self, name: str) -> str:
        return self.rename(name)

    def node(self, node: Expr) -> tuple[str, int]:
        text = self.passed(node)
        return (text, ATOM if text.isidentifier() else 0) if text is not None else super().node(node)

    def call(self, node: Call) -> tuple[str, int]:
        args = [self.text(a) for a in node.args]
        match node.function:
            case "maximum" | "minimum" as name:
                return f"{name[:3]}({args[0]}, {args[1]})", ATOM
            case "clip":
                return f"min(max({args[0]}, {args[1]}), {args[2]})", ATOM
            case "abs":
                return f"abs({args[0]})", ATOM
            case "sqrt":
                return f"{self.text(node.args[0], PRECEDENCE['**'] + 1)}**0.5", PRECEDENCE["**"]
            case "rsqrt":
                return f"{self.text(node.args[0], PRECEDENCE['**'] + 1)}**-0.5", PRECEDENCE["**"]
            case "where":
                parts = [self.text(a, 2) for a in node.args]
                return f"{parts[1]} if {parts[0]} else {parts[2]}", 1
            case "sign":
                return f"({args[0]} > 0) - ({args[0]} < 0)", PRECEDENCE["-"]
        return f"math.{node.function}({args[0]})", ATOM
