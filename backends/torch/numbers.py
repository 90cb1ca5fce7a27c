"""Scalars that are Python numbers, or tensors where nothing may be read from a device: one text for both.

The step of a compiled or captured optimizer is a tensor, and so is all that it enters; what hyperparameters decide
alone stays a number, in float64. Functions look which of the two they are given, operators need not.
"""

from __future__ import annotations

from adaspec.domains import interval
from adaspec.emit import OF_ONE, HostPrinter
from adaspec.ir import Binary, Call, Expr, Unary
from adaspec.printer import PRECEDENCE

ATOM = PRECEDENCE["atom"]


class NumberPrinter(HostPrinter):
    """As the host computes them, but by functions and operators that take tensors too."""

    def node(self, node: Expr) -> tuple[str, int]:
        if isinstance(node, Unary) and node.op in ("~", "not"):
            return f"_not({self.text(node.operand)})", ATOM
        return super().node(node)

    def guarded(self, name: str, safe: bool) -> str:
        return f"_{name}"

    def binary(self, op: str, left: Expr, right: Expr) -> tuple[str, int]:
        if op in ("&", "|"):  # bind tighter than comparisons in Python
            return f"{self.text(left, PRECEDENCE['|'])} {op} {self.text(right, PRECEDENCE['|'])}", PRECEDENCE[op]
        return super().binary(op, left, right)

    def call(self, node: Call) -> tuple[str, int]:
        args = [self.text(a) for a in node.args]
        match node.function:
            case "rsqrt":
                root = f"_sqrt({args[0]})"
                if interval(node.args[0], self.intervals).positive:
                    return f"1.0 / {root}", PRECEDENCE["/"]
                return f"_div(1.0, {root})", ATOM
            case "tanh" | "maximum" | "minimum" | "where" as name:
                return f"_{name}({', '.join(args)})", ATOM
            case "lerp":
                old, new, weight = node.args
                return self.binary("+", old, Binary("*", weight, Binary("-", new, old)))
        return super().call(node)


FUNCTIONS = OF_ONE | {
    "tanh": ("The hyperbolic tangent", "math.tanh(x)"),
    "not": ("Whether x is false", "not x"),
}
"""What each is, and the same for Python numbers."""
TRACED = {"not": "logical_not"}
"""torch's name of a function, where it has another."""


def _function(name: str) -> str:
    about, host = FUNCTIONS[name]
    return f'''
def _{name}(x: Any) -> Any:
    """{about}."""
    if isinstance(x, Tensor):
        return torch.{TRACED.get(name, name)}(x)
    return {host}
'''


HELPERS: dict[str, str] = {f"_{name}(": _function(name) for name in FUNCTIONS} | {
    "_div(": '''
def _div(a: Any, b: Any) -> Any:
    """a / b by IEEE rules: a division by 0 is inf or nan, never an exception."""
    if isinstance(a, Tensor) or isinstance(b, Tensor) or b != 0:
        return a / b
    return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1.0, b)
''',
    "_mod(": '''
def _mod(a: Any, b: Any) -> Any:
    """a % b, with the sign of b; nan where b is 0."""
    return a % b if isinstance(b, Tensor) or b != 0 else math.nan
''',
    "_floordiv(": '''
def _floordiv(a: Any, b: Any) -> Any:
    """The integer below a / b; nan where b is 0."""
    if isinstance(b, Tensor):
        return _where(b == 0, math.nan, a // b)
    return a // b if b != 0 else math.nan
''',
    "_pow(": '''
def _pow(a: Any, b: Any) -> Any:
    """a**b by IEEE rules: overflow is inf, a negative base with a broken exponent nan, never an exception."""
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        return a**b
    try:
        return math.pow(a, b)
    except OverflowError:
        return -math.inf if a < 0 and b % 2 == 1 else math.inf
    except ValueError:
        return math.inf if a == 0 else math.nan
''',
    "_maximum(": '''
def _maximum(a: Any, b: Any) -> Any:
    """The larger of two numbers; nan if either is."""
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        return torch.clamp(a, min=b) if isinstance(a, Tensor) else torch.clamp(b, min=a)
    return math.nan if math.isnan(a) or math.isnan(b) else max(a, b)
''',
    "_minimum(": '''
def _minimum(a: Any, b: Any) -> Any:
    """The smaller of two numbers; nan if either is."""
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        return torch.clamp(a, max=b) if isinstance(a, Tensor) else torch.clamp(b, max=a)
    return math.nan if math.isnan(a) or math.isnan(b) else min(a, b)
''',
    "_where(": '''
def _where(test: Any, a: Any, b: Any) -> Any:
    """a if the test holds, else b."""
    if not isinstance(test, Tensor):
        return a if test else b
    if not isinstance(a, Tensor):  # torch would round two numbers to float32
        a = torch.full((), a, dtype=torch.bool if isinstance(a, bool) else torch.float64, device=test.device)
    return torch.where(test, a, b)
''',
}
"""Each is printed into the modules whose scalars call it."""
