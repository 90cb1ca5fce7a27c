"""What every emitter shares: names that clash, docstrings from the spec, and scalars on the host."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping

from . import ir
from .domains import Intervals, interval
from .ir import Binary, Call, Expr, Name, Number, Unary
from .lower import Lowered
from .printer import PRECEDENCE, Printer
from .source import is_keyword
from .text import body as spec_lines
from .text import docstring
from .vocabulary import KINDS

Renamed = Mapping[str, str]


def mangle(names: Iterable[str], reserved: Iterable[str]) -> dict[str, str]:
    """Each name of a spec with its name in generated code: `_` is appended where the framework or module needs it.

    Deterministic, injective, and disjoint from `reserved`.
    """
    names = list(dict.fromkeys(names))
    taken = set(reserved)
    out: dict[str, str] = {}
    for name in names:
        new = name
        while new in taken or is_keyword(new) or (new != name and new in names):
            new += "_"
        taken.add(new)
        out[name] = new
    return out


def describe(lowered: Lowered, renamed: Renamed) -> list[str]:
    """The docstring of a generated class or factory, unindented: title, source, and the rule as written."""
    spec = lowered.spec
    lines = [f"{spec.title}."]
    if spec.reference:
        lines += ["", f"{spec.reference}"]
    rest = spec.rule.doc.strip().split("\n")[1:]
    lines += ["", *textwrap.dedent("\n".join(rest)).strip().split("\n")] if any(r.strip() for r in rest) else []
    lines += ["", "The update, as the spec says it:", "", *rule_text(lowered)]
    return lines


def rule_text(lowered: Lowered) -> list[str]:
    """The body of the rule, and the schedules and helpers that it calls, as written; indented by four."""
    lines: list[str] = []
    rule = lowered.spec.rule
    called = {n.function for n in ir.walk(rule.body) if isinstance(n, Call)}
    for function in rule.functions:
        if function.name in called:
            lines += [f"    {function.name}({', '.join(a.name for a in function.arguments)}):"]
            lines += [*spec_lines(function.body, "        "), ""]
    return lines + spec_lines(rule.body[:-1], "    ")


def domain_text(hyper: ir.Hyper) -> str:
    text = KINDS[hyper.kind].text
    return f"{text} or None" if hyper.optional else text


def doc_lines(lines: Iterable[str], indent: str) -> list[str]:
    """Plain lines as a docstring at this indent, with everything in it escaped."""
    return docstring("\n".join(lines), indent)


OF_ONE = {
    "sqrt": ("The square root; nan of a negative number", "math.sqrt(x) if x >= 0 else math.nan"),
    "exp": ("The exponential; beyond the largest float it is inf", "math.exp(x) if not x > 709.0 else math.inf"),
    "expm1": ("exp(x) - 1; beyond the largest float it is inf", "math.expm1(x) if not x > 709.0 else math.inf"),
    "log": ("The logarithm; -inf at 0, nan below", "math.log(x) if x > 0 else -math.inf if x == 0 else math.nan"),
    "log1p": ("log(1 + x); -inf at -1, nan below", "math.log1p(x) if x > -1 else -math.inf if x == -1 else math.nan"),
    "sign": ("-1, 0 or 1; nan of nan", "x if x == 0 or math.isnan(x) else math.copysign(1.0, x)"),
    "floor": ("The integer below; inf and nan stay", "float(math.floor(x)) if math.isfinite(x) else x"),
}
"""Functions of a number with IEEE manners: what each is, and how `math` computes it."""


def _of_one(name: str) -> str:
    about, value = OF_ONE[name]
    return f'''
def _{name}(x: float) -> float:
    """{about}."""
    return {value}
'''


HELPERS: dict[str, str] = {f"_{name}": _of_one(name) for name in OF_ONE} | {
    "_div": '''
def _div(a: float, b: float) -> float:
    """a / b by IEEE rules: a division by 0 is inf or nan, never an exception."""
    if b != 0:
        return a / b
    return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1.0, b)
''',
    "_mod": '''
def _mod(a: float, b: float) -> float:
    """a % b, with the sign of b; nan where b is 0."""
    return a % b if b != 0 else math.nan
''',
    "_floordiv": '''
def _floordiv(a: float, b: float) -> float:
    """The integer below a / b; nan where b is 0."""
    return a // b if b != 0 else math.nan
''',
    "_pow": '''
def _pow(a: float, b: float) -> float:
    """a**b by IEEE rules: overflow is inf, a negative base with a broken exponent nan, never an exception."""
    try:
        return math.pow(a, b)
    except OverflowError:
        return -math.inf if a < 0 and b % 2 == 1 else math.inf
    except ValueError:
        return math.inf if a == 0 else math.nan
''',
    "_maximum": '''
def _maximum(a: float, b: float) -> float:
    """The larger of two numbers; nan if either is."""
    return math.nan if math.isnan(a) or math.isnan(b) else max(a, b)
''',
    "_minimum": '''
def _minimum(a: float, b: float) -> float:
    """The smaller of two numbers; nan if either is."""
    return math.nan if math.isnan(a) or math.isnan(b) else min(a, b)
''',
}
"""Host functions with IEEE manners, printed into a module only where no interval rules the exception out."""


class HostPrinter(Printer):
    """Scalars as Python floats with `math`: float64, and never an exception for a value inside the domains.

    `used` collects the helpers of `HELPERS` that the printed text calls.
    """

    def __init__(self, renamed: Renamed, intervals: Intervals) -> None:
        self.renamed = renamed
        self.intervals = intervals
        self.used: set[str] = set()

    def name(self, name: str) -> str:
        return self.renamed.get(name, name)

    def node(self, node: Expr) -> tuple[str, int]:
        if isinstance(node, Unary) and node.op == "~":  # of a Python truth value, `~` would be the bits of an int
            return super().node(Unary("not", node.operand))
        return super().node(node)

    def guarded(self, name: str, safe: bool) -> str:
        if safe:
            return f"math.{name}"
        self.used.add(f"_{name}")
        return f"_{name}"

    def binary(self, op: str, left: Expr, right: Expr) -> tuple[str, int]:
        if op == "/" and not interval(right, self.intervals).nonzero:
            self.used.add("_div")
            return f"_div({self.text(left)}, {self.text(right)})", PRECEDENCE["atom"]
        if op in ("%", "//") and not interval(right, self.intervals).nonzero:
            name = "_mod" if op == "%" else "_floordiv"
            self.used.add(name)
            return f"{name}({self.text(left)}, {self.text(right)})", PRECEDENCE["atom"]
        if op == "**":
            return self.power(left, right)
        if op in ("&", "|"):
            word = "and" if op == "&" else "or"
            level = PRECEDENCE[word]
            return f"{self.text(left, level)} {word} {self.text(right, level + 1)}", level
        return super().binary(op, left, right)

    def power(self, base: Expr, exponent: Expr) -> tuple[str, int]:
        if exponent == Number(2) and isinstance(base, Name):
            text = self.name(base.id)
            return f"{text} * {text}", PRECEDENCE["*"]
        where = interval(Binary("**", base, exponent), self.intervals)
        if interval(base, self.intervals).positive and where.high < 1e300 and not where.nan:
            return super().binary("**", base, exponent)
        self.used.add("_pow")
        return f"_pow({self.text(base)}, {self.text(exponent)})", PRECEDENCE["atom"]

    def call(self, node: Call) -> tuple[str, int]:
        atom = PRECEDENCE["atom"]
        where = [interval(a, self.intervals) for a in node.args]
        args = [self.text(a) for a in node.args]
        match node.function:
            case "sqrt" | "rsqrt":
                root = f"{self.guarded('sqrt', where[0].nonnegative)}({args[0]})"
                if node.function == "sqrt":
                    return root, atom
                if where[0].positive:
                    return f"1.0 / {root}", PRECEDENCE["/"]
                self.used.add("_div")
                return f"_div(1.0, {root})", atom
            case "log":
                return f"{self.guarded('log', where[0].positive)}({args[0]})", atom
            case "log1p":
                safe = not where[0].nan and where[0].low >= 0
                return f"{self.guarded('log1p', safe)}({args[0]})", atom
            case "exp" | "expm1" as name:
                safe = not where[0].nan and where[0].high <= 709
                return f"{self.guarded(name, safe)}({args[0]})", atom
            case "tanh":
                return f"math.tanh({args[0]})", atom
            case "abs":
                return f"abs({args[0]})", atom
            case "sign" | "floor" as name:
                self.used.add(f"_{name}")
                return f"_{name}({args[0]})", atom
            case "maximum" | "minimum" as name:
                if not any(w.nan for w in where):
                    return f"{name[:3]}({args[0]}, {args[1]})", atom
                self.used.add(f"_{name}")
                return f"_{name}({args[0]}, {args[1]})", atom
            case "clip":
                self.used |= {"_maximum", "_minimum"}
                return f"_minimum(_maximum({args[0]}, {args[1]}), {args[2]})", atom
            case "lerp":
                old, new, weight = node.args
                return self.binary("+", old, Binary("*", weight, Binary("-", new, old)))
            case "where":
                level = PRECEDENCE["choose"]
                parts = [self.text(a, level + 1) for a in node.args]
                return f"{parts[1]} if {parts[0]} else {parts[2]}", level
        raise TypeError(f"{node.function} is no host function")


def helper_texts(used: Iterable[str]) -> list[str]:
    """The definitions of the used helpers, in alphabetical order, each with two blank lines in front."""
    return [f"\n{HELPERS[name]}" for name in sorted(used)]
