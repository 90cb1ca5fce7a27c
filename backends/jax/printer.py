"""Expressions as JAX text: what hyperparameters alone decide is folded by the host, all else is `jnp`.

A hyperparameter may be a Python number or a traced array, and the generated text serves both: Python's operators do by
themselves, functions go through helpers that look. A number stays a number up to the point where it meets an array, so
`1 - beta1` is rounded once, from float64.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from adaspec import ir
from adaspec.branching import returned
from adaspec.counting import is_counted
from adaspec.domains import LAST_STEP, Interval, Intervals, interval
from adaspec.ir import Assign, Binary, Call, Compare, Expr, Name, Number, Unary
from adaspec.printer import PRECEDENCE, Printer
from adaspec.vocabulary import FUNCTIONS

ATOM = PRECEDENCE["atom"]
DIM = "a dimension"
MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


def folded_names(given: Iterable[str], never: Iterable[str | None], body: tuple[ir.Stmt, ...]) -> frozenset[str]:
    """The names that are numbers where the hyperparameters are: those given, and what is bound from nothing else."""
    assigns = [s for s in ir.walk(body) if isinstance(s, Assign)]
    never = set(never)
    decided = set(returned(body, {*given, *(n for n in never if n)}))
    found = {*given, *(s.name for s in assigns)} - never - decided
    while bad := {s.name for s in assigns if s.name in found and not is_folded(s.value, found)}:
        found -= bad
    return frozenset(found)


def is_folded(node: Expr, names: set[str] | frozenset[str]) -> bool:
    match node:
        case Name(name):
            return name in names
        case ir.Ndim() | ir.Dim():
            return True
        case Binary("@") | ir.Draw() | ir.Transpose() | ir.Index():
            return False
        case Call(function) if function not in FUNCTIONS or FUNCTIONS[function].group != "elementwise":
            return False
    return all(is_folded(child, names) for child in ir.children(node) if isinstance(child, Expr))


def _sized(node: Expr) -> Expr:
    return Name(DIM) if isinstance(node, ir.Dim | ir.Size) else ir.rebuild(node, _sized)


def negated(node: Expr) -> Expr:
    """`-node` with the sign moved to where a reader expects it; a sign never rounds, so the value is the same."""
    match node:
        case Unary("-", operand):
            return operand
        case Binary("*" | "/" as op, left, right):
            return Binary(op, negated(left), right)
        case Binary("+", left, right):
            return Binary("-", negated(left), right)
        case Binary("-", left, right):
            return Binary("-", right, left)
    return Unary("-", node)


class JaxPrinter(Printer):
    """`names` gives each name of the spec its name in the text, `folded` are those that only hyperparameters decide,
    `static` those of them that are never traced."""

    def __init__(
        self,
        names: Mapping[str, str],
        folded: frozenset[str],
        static: frozenset[str],
        intervals: Intervals,
        rule: ir.Rule | None = None,
    ) -> None:
        """`rule` is that of a step, whose t is also there as the integer `count`."""
        self.rule = rule
        self.counting = False
        self.names = names
        self.folded = folded
        self.static = static
        self.intervals = intervals | {DIM: Interval(1.0, LAST_STEP)}

    def interval(self, node: Expr) -> Interval:
        """Where a number lies; no axis of an array that has elements is 0."""
        return interval(_sized(node), self.intervals)

    def name(self, name: str) -> str:
        if self.counting and self.rule is not None and name == self.rule.step:
            return "count"
        return self.names.get(name, name)

    def node(self, node: Expr) -> tuple[str, int]:
        if self.rule is not None and not self.counting and is_counted(node, self.rule):
            self.counting = True
            text, level = super().node(node)
            self.counting = False
            if isinstance(node, Compare):
                return text, level
            return f"{text if level == ATOM else f'({text})'}.astype(dtype)", ATOM
        if isinstance(node, Unary) and node.op == "~" and is_folded(node, self.folded):
            return f"jnp.logical_not({self.text(node.operand)})", ATOM  # `~True` is -2
        if isinstance(node, Compare) and isinstance(node.left, Number) and not isinstance(node.right, Number):
            node = Compare(MIRRORED[node.op], node.right, node.left)  # a loop's index: linters want it last
        return super().node(node)

    def draw(self, node: ir.Draw) -> str:
        return f"_{node.kind}(noise, {node.stream})"

    def transpose(self, operand: Expr) -> str:
        return f"{self.text(operand, ATOM)}.mT"

    def binary(self, op: str, left: Expr, right: Expr) -> tuple[str, int]:
        host = is_folded(Binary(op, left, right), self.folded)
        if op == "**":
            return self.power(left, right, host)
        if op == "/" and host and not self.interval(right).nonzero:
            return f"_div({self.text(left)}, {self.text(right)})", ATOM
        if op in ("%", "//") and not self.interval(right).nonzero:
            return f"{'_mod' if op == '%' else '_floordiv'}({self.text(left)}, {self.text(right)})", ATOM
        return super().binary(op, left, right)

    def power(self, base: Expr, exponent: Expr, host: bool) -> tuple[str, int]:
        where = self.interval(base)
        if host:
            if exponent == Number(2) and isinstance(base, Name):
                return super().binary("*", base, base)  # a Python float overflows in `**`, never in `*`
            value = self.interval(Binary("**", base, exponent))
            static = is_folded(base, self.static) and is_folded(exponent, self.static)
            if where.positive and (static or (value.high < 1e300 and not value.nan)):
                return self.star(base, exponent)
            return f"_pow({self.text(base)}, {self.text(exponent)})", ATOM
        if is_folded(base, self.folded) and where.nonnegative:
            # float32 has no room for 0.999: its power drifts with t, that of its logarithm does not.
            if where.positive or self.interval(exponent).positive:
                return f"jnp.exp({self.text(exponent, PRECEDENCE['*'])} * _log({self.text(base)}))", ATOM
            return f"_power({self.text(base)}, {self.text(exponent)})", ATOM
        return self.star(base, exponent)

    def star(self, base: Expr, exponent: Expr) -> tuple[str, int]:
        """A power as formatters set it: spaces unless both sides are simple."""
        level = PRECEDENCE["**"]
        sides = self.text(base, level + 1), self.text(exponent, PRECEDENCE["neg"])
        simple = all(side.lstrip("-").replace(".", "").replace("_", "").isalnum() for side in sides)
        return ("**" if simple else " ** ").join(sides), level

    def call(self, node: Call) -> tuple[str, int]:
        name = node.function
        if name == "lerp":
            old, new, weight = node.args
            return self.node(Binary("+", old, Binary("*", weight, Binary("-", new, old))))
        args = [self.text(a, PRECEDENCE["choose"]) for a in node.args]
        if (rank := node.option("rank")) is not None:
            return f"_svd({args[0]}, {self.text(rank)})", ATOM
        args += [f"{option}={self.text(value)}" for option, value in node.options]
        if name == "take":
            given = node.option("axis")
            axis = "-1" if given is None else self.text(given)
            return f"_take({args[0]}, {args[1]}, {axis})", ATOM
        if name == "solve_triangular":
            lower = str(node.option("lower") == ir.Constant(True))
            return f"jax.lax.linalg.triangular_solve({args[0]}, {args[1]}, left_side=True, lower={lower})", ATOM
        if name == "eigh":
            return f"jnp.linalg.eigh({args[0]})", ATOM
        if name == "diag":
            return f"jnp.linalg.diagonal({args[0]})", ATOM
        if name in ("qr", "eye"):
            return f"_{name}({args[0]})", ATOM
        if name in ("unfold", "fold", "spread"):
            return f"_{name}({', '.join(args)})", ATOM
        shown = ", ".join(args)
        if is_folded(node, self.folded):
            plain = name in ("maximum", "minimum") and not any(self.interval(a).nan for a in node.args)
            if name == "abs" or (plain and is_folded(node, self.static)):
                return f"{name[:3]}({shown})", ATOM
            return f"_{name}({shown})", ATOM
        if name in ("norm", "rms", "rsqrt"):
            return f"_{name}({shown})", ATOM
        return f"jnp.{name}({shown})", ATOM


def about_shape(fact: ir.Expr) -> bool:
    return any(isinstance(n, ir.Dim | ir.Ndim) for n in ir.walk(fact))


def quoted(text: str) -> str:
    """A literal, in double quotes where the text allows."""
    shown = repr(text)
    return shown if set(text) & {"'", '"'} else f'"{shown[1:-1]}"'
