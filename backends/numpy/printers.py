"""Expressions as NumPy text: numbers as Python floats, arrays with `np` functions."""

from __future__ import annotations

from collections.abc import Mapping

from adaspec import ir
from adaspec.emit import HostPrinter
from adaspec.errors import SpecError
from adaspec.ir import Binary, Call, Dim, Expr, Ndim, Number
from adaspec.lower import lowered_type
from adaspec.printer import PRECEDENCE, Printer
from adaspec.streams.units import REDUCTIONS
from adaspec.types import Type
from adaspec.vocabulary import FUNCTIONS

from .naming import Names

MATRIX = [form for form in FUNCTIONS.values() if form.group in ("matrix", "parts", "order")]


class NumberPrinter(HostPrinter):
    """Numbers of the host; what is asked of the parameter's shape, `param` itself answers."""

    def __init__(self, names: Names, intervals: Mapping) -> None:
        super().__init__(names.printed, dict(intervals))
        self.arrays: Printer | None = None

    def node(self, node: Expr) -> tuple[str, int]:
        match node:
            case Dim(_, axis):
                return f"param.shape[{axis}]", PRECEDENCE["atom"]
            case Ndim():
                return f"param.{node.word}", PRECEDENCE["atom"]
            case Call(function=name) if name in REDUCTIONS and self.arrays is not None:
                return f"float({self.arrays.text(node)})", PRECEDENCE["atom"]
        return super().node(node)


class ArrayPrinter(Printer):
    """Arrays; numbers in them are printed for the host. `types` says which is which, `called` how names read here."""

    drawn = "param, noise, 0"
    """The array that noise is drawn for, its key, and how many elements of the parameter stand before it."""

    def __init__(self, host: HostPrinter, types: Mapping[str, Type], called: Mapping[str, str] | None = None) -> None:
        self.host = host
        self.types = types
        self.called = {} if called is None else called

    def node(self, node: Expr) -> tuple[str, int]:
        if self.on_host(node):
            return self.host.node(node)
        return super().node(node)

    def on_host(self, node: Expr) -> bool:
        """Whether it is a number, and none that a reduction has yet to make."""
        return not self.type(node).dims and not any(
            isinstance(n, Call) and n.function in REDUCTIONS for n in ir.walk(node)
        )

    def type(self, node: Expr) -> Type:
        return lowered_type(node, self.types)

    def name(self, name: str) -> str:
        return self.called.get(name) or self.host.name(name)

    def draw(self, node: ir.Draw) -> str:
        return f"_{node.kind}({self.drawn}, {node.stream})"

    def transpose(self, operand: Expr) -> str:
        return f"{self.text(operand, PRECEDENCE['atom'])}.swapaxes(-1, -2)"

    def binary(self, op: str, left: Expr, right: Expr) -> tuple[str, int]:
        if op == "**" and right == Number(2):
            return f"np.square({self.text(left)})", PRECEDENCE["atom"]
        return super().binary(op, left, right)

    def call(self, node: Call) -> tuple[str, int]:
        atom = PRECEDENCE["atom"]
        args = [self.text(a) for a in node.args]
        if node.function == "take":
            given = node.option("axis")
            axis = "-1" if given is None else self.text(given)
            return f"_take({args[0]}, {args[1]}, {axis})", atom
        if (rank := node.option("rank")) is not None:
            return f"_svd({args[0]}, {self.host.text(rank)})", atom
        if FUNCTIONS.get(node.function) in MATRIX:
            return self.matrix(node.function, args, node.option("lower") == ir.Constant(True)), atom
        axis = "".join(f", axis={self.text(v)}" for _, v in node.options)
        match node.function:
            case "lerp":
                old, new, weight = node.args
                return self.binary("+", old, Binary("*", weight, Binary("-", new, old)))
            case "norm":
                return f"np.sqrt(np.sum(np.square({args[0]}){axis}))", atom
            case "rms":
                return f"np.sqrt(np.mean(np.square({args[0]}){axis}))", atom
            case "sum" | "mean" | "max":
                return f"np.{node.function}({args[0]}{axis})", atom
            case "unfold" | "fold" | "spread":
                return f"_{node.function}({', '.join(args)}{axis})", atom
            case "rsqrt":
                return f"1.0 / np.sqrt({args[0]})", PRECEDENCE["/"]
            case "clip":
                return f"np.minimum(np.maximum({args[0]}, {args[1]}), {args[2]})", atom
        return f"np.{node.function}({', '.join(args)})", atom

    def matrix(self, name: str, args: list[str], lower: bool) -> str:
        match name:
            case "eigh":
                return f"np.linalg.eigh({args[0]})"
            case "argsort":
                return f'np.argsort({args[0]}, kind="stable")'
            case "diag":
                return f"np.linalg.diagonal({args[0]})"
            case "solve_triangular":
                return f"_solve_triangular({args[0]}, {args[1]}, {lower})"
            case "qr" | "eye":
                return f"_{name}({args[0]})"
        return f"np.{name}({args[0]})"

    def copy(self, node: Expr) -> str:
        return f"{self.text(node, PRECEDENCE['atom'])}.copy()"


class WholePrinter(ArrayPrinter):
    """Whole bodies, whose branches are not told apart: what has no one type is printed as an array."""

    def on_host(self, node: Expr) -> bool:
        try:
            return super().on_host(node)
        except SpecError:
            return False

    def is_number(self, node: Expr) -> bool:
        try:
            return not self.type(node).dims
        except SpecError:
            return False
