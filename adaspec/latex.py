r"""A spec as the algorithm box of a paper: LaTeX for MathJax, KaTeX and amsmath.

State read before it is bound is of the step before ($m_{t-1}$), the last binding is of this step ($m_t$), those between
carry primes. Helpers and schedules stand in front as functions. What is not mathematics (a shape, a flag) is text.
"""

from __future__ import annotations

from . import ir
from .ir import Assign, Binary, Call, Choose, Compare, Expr, If, Index, Name, Number, Stmt, Transpose, Unary
from .spec import Spec
from .text import expression

GREEK = {
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi",
    "pi", "rho", "sigma", "tau", "phi", "chi", "psi", "omega",
}  # fmt: skip
LETTERS = {"lr": r"\eta", "eps": r"\epsilon", "weight_decay": r"\lambda", "decay": r"\rho", "momentum": r"\mu"}
ACCENTS = {"hat": r"\hat", "bar": r"\bar", "tilde": r"\tilde"}
COMPARED = {"<": "<", "<=": r"\le", ">": ">", ">=": r"\ge", "==": "=", "!=": r"\ne", "is": r"\text{ is }",
            "is not": r"\text{ is not }"}  # fmt: skip
OPERATORS = {"&": r"\wedge", "|": r"\vee", "@": r"\,", "%": r"\bmod"}
# How tightly the outermost operation of a text binds.
SUM, PRODUCT, SIGN, POWER, ATOM = 1, 2, 3, 4, 5


def latex(spec: Spec) -> str:
    """The rule of `spec` as the lines of an `aligned` environment, without the `$$` around it."""
    return "\\begin{aligned}\n" + " \\\\\n".join(lines(spec)) + "\n\\end{aligned}"


def lines(spec: Spec) -> list[str]:
    """One line for each equation, its alignment mark in place."""
    found: list[str] = []
    for function in spec.rule.functions:
        if function.role != "view":
            found += _function(function, spec.rule)
    state = [spec.rule.param, *spec.rule.state_names]
    now = {name: symbol(name, "t-1") for name in state} | {spec.rule.grad: symbol(spec.rule.grad, "t")}
    return found + Box(now, spec.rule).block(spec.rule.body, (), "")


def _function(function: ir.Function, rule: ir.Rule) -> list[str]:
    box = Box({}, rule)
    head = f"{symbol(function.name)}({', '.join(symbol(a.name) for a in function.arguments)})"
    last = function.body[-1]
    if len(function.body) == 1 and isinstance(last, ir.Return):
        return [f"{head} &= {box.text(last.values[0])}"]
    found = [f"&\\textbf{{function }} {head}"]
    found += box.block(function.body[:-1], (), "\\quad ")
    if isinstance(last, ir.Return):
        found.append(f"&\\quad \\textbf{{return }} {', '.join(box.text(v) for v in last.values)}")
    return found


def symbol(name: str, time: str = "") -> str:
    """A name as a symbol: `beta1` as β₁, `v_hat` with its hat, a word in upright letters; `time` joins its index."""
    base, _, accent = name.rpartition("_")
    if name not in LETTERS and base and accent in ACCENTS:
        stem, index = _parts(base)
        return _indexed(f"{ACCENTS[accent]}{{{stem}}}", index, time)
    stem, index = _parts(name)
    return _indexed(stem, index, time)


def _parts(name: str) -> tuple[str, str]:
    """The letter or word, and the number behind it."""
    if name in LETTERS:
        return LETTERS[name], ""
    stem = name.rstrip("0123456789")
    if stem in GREEK:
        return f"\\{stem}", name[len(stem) :]
    if stem in LETTERS or len(stem) == 1:
        return LETTERS.get(stem, stem), name[len(stem) :]
    return f"\\mathrm{{{_escaped(name)}}}", ""


def _indexed(stem: str, *index: str) -> str:
    said = ",".join(i for i in index if i)
    return f"{stem}_{{{said}}}" if len(said) > 1 else f"{stem}_{said}" if said else stem


def _escaped(text: str) -> str:
    return "".join(f"\\{c}" if c in "_%&#${}" else c for c in text)


class Box:
    """The lines of one function or rule. `now` maps each name of the state to the symbol it has at this point."""

    def __init__(self, now: dict[str, str], rule: ir.Rule) -> None:
        self.now = now
        self.rule = rule
        self.primes: dict[str, int] = {}

    def block(self, body: tuple[Stmt, ...], after: tuple[Stmt, ...], indent: str) -> list[str]:
        """`after`: the statements that follow the block, which tell whether a binding is the last of its name."""
        found: list[str] = []
        for i, stmt in enumerate(body):
            found += self.stmt(stmt, (*body[i + 1 :], *after), indent)
        return found

    def stmt(self, stmt: Stmt, after: tuple[Stmt, ...], indent: str) -> list[str]:
        match stmt:
            case Assign(name, value):
                said = self.text(value)
                return [f"&{indent}{self.bound(name, after)} = {said}"]
            case ir.Unpack(names, value):
                said = self.text(value)
                both = ["\\_" if name == "_" else self.bound(name, after) for name in names]
                return [f"&{indent}{', '.join(both)} = {said}"]
            case If(test, then, otherwise):
                found = [f"&{indent}\\textbf{{if }} {self.text(test)}:"]
                before = dict(self.now)
                found += self.block(then, after, indent + "\\quad ")
                if otherwise:
                    met, self.now = self.now, before
                    found.append(f"&{indent}\\textbf{{else}}:")
                    found += self.block(otherwise, after, indent + "\\quad ")
                    self.now = met | {n: s for n, s in self.now.items() if s != before.get(n)}
                return found
            case ir.For(count, body):
                found = [f"&{indent}\\textbf{{repeat }} {self.text(count)} \\textbf{{ times}}:"]
                return found + self.block(body, (*body, *after), indent + "\\quad ")
        return []

    def bound(self, name: str, after: tuple[Stmt, ...]) -> str:
        if name not in self.now:
            return symbol(name)
        if name in ir.assigned(after):
            self.primes[name] = self.primes.get(name, 0) + 1
            self.now[name] = symbol(name) + "'" * min(self.primes[name], 3)
        else:
            self.now[name] = symbol(name, "t")
        return self.now[name]

    def text(self, node: Expr, least: int = 0) -> str:
        """`node` in LaTeX, in brackets if it binds less tightly than `least`."""
        said, level = self.node(node)
        return f"\\left({said}\\right)" if level < least else said

    def node(self, node: Expr) -> tuple[str, int]:
        match node:
            case Number(value):
                return _number(value), ATOM if value >= 0 else SIGN
            case Name(id=name):
                return self.now.get(name, symbol(name)), ATOM
            case Unary("-", operand):
                return f"-{self.text(operand, PRODUCT)}", SIGN
            case Unary(op, operand):
                return f"\\neg {self.text(operand, SIGN)}", SIGN
            case Binary("/", left, right):
                return f"\\frac{{{self.text(left)}}}{{{self.text(right)}}}", PRODUCT
            case Binary("**", left, right):
                return f"{self._base(left)}^{{{self.text(right)}}}", POWER
            case Binary("*", left, right):
                dot = " \\cdot " if isinstance(right, Number) else " \\, "
                return f"{self.text(left, PRODUCT)}{dot}{self.text(right, SIGN)}", PRODUCT
            case Binary(op, left, right) if op in ("+", "-"):
                return f"{self.text(left, SUM)} {op} {self.text(right, PRODUCT)}", SUM
            case Binary(op, left, right):
                return f"{self.text(left, PRODUCT)} {OPERATORS.get(op, op)} {self.text(right, SIGN)}", PRODUCT
            case Compare(op, left, right):
                return f"{self.text(left)} {COMPARED[op]} {self.text(right)}", 0
            case ir.Logical(op, values):
                return f" \\text{{ {op} }} ".join(self.text(v) for v in values), 0
            case Choose(test, then, otherwise):
                return self.cases(test, then, otherwise), ATOM
            case Transpose(operand):
                return f"{self.text(operand, ATOM)}^{{\\top}}", POWER
            case Index(operand, items):
                axes = ",".join("\\cdot" if i is None else _escaped(i).replace("...", "\\ldots") for i in items)
                return f"{{{self.text(operand, ATOM)}}}_{{[{axes}]}}", ATOM
            case Call():
                return self.call(node)
        return f"\\text{{{_escaped(expression(node))}}}", ATOM

    def _base(self, node: Expr) -> str:
        """The base of a power: a symbol with an index of its own takes brackets only where it has an exponent."""
        said, level = self.node(node)
        return said if level == ATOM and not said.endswith("'") else f"\\left({said}\\right)"

    def cases(self, test: Expr, then: Expr, otherwise: Expr) -> str:
        rows = f"{self.text(then)} & \\text{{if }} {self.text(test)} \\\\ {self.text(otherwise)} & \\text{{else}}"
        return f"\\begin{{cases}} {rows} \\end{{cases}}"

    def call(self, node: Call) -> tuple[str, int]:
        args = [self.text(a) for a in node.args]
        if self.rule.function(node.function) is not None:
            args += [self.text(value) for _, value in node.options]
            return f"{symbol(node.function)}\\left({', '.join(args)}\\right)", ATOM
        sign = {"axis": "", "keep": "\\setminus "}
        axis = "".join(f"_{{{sign.get(name, '')}{self.text(value)}}}" for name, value in node.options)
        match node.function, args:
            case "sqrt", [a]:
                return f"\\sqrt{{{a}}}", ATOM
            case "rsqrt", [a]:
                return f"\\frac{{1}}{{\\sqrt{{{a}}}}}", PRODUCT
            case "abs", [a]:
                return f"\\left|{a}\\right|", ATOM
            case "norm", [a]:
                return f"\\left\\lVert {a} \\right\\rVert{axis}", ATOM
            case "floor", [a]:
                return f"\\left\\lfloor {a} \\right\\rfloor", ATOM
            case "total", [a]:
                return f"\\sum_{{\\text{{model}}}} {self.text(node.args[0], PRODUCT)}", SUM
            case "svd", [a, rank]:
                return f"\\operatorname{{svd}}_{{{rank}}}\\left({a}\\right)", ATOM
            case "exp", [a]:
                return f"e^{{{a}}}", POWER
            case "where", [_, _, _]:
                return self.cases(*node.args), ATOM
            case (("minimum" | "maximum" | "max"), _):
                said = {"minimum": "\\min", "maximum": "\\max", "max": "\\max"}[node.function]
                return f"{said}{axis}\\left({', '.join(args)}\\right)", ATOM
            case (("log" | "tanh"), [a]):
                return f"\\{node.function}\\left({a}\\right)", ATOM
        return f"\\operatorname{{{_escaped(node.function)}}}{axis}\\left({', '.join(args)}\\right)", ATOM


def _number(value: int | float) -> str:
    said = repr(value)
    mantissa, e, exponent = said.partition("e")
    if not e:
        return said.removesuffix(".0")
    power = f"10^{{{int(exponent)}}}"
    return power if mantissa in ("1", "1.0") else f"{mantissa} \\cdot {power}"
