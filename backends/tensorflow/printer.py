"""Expressions and statements of a lowered rule as Keras code.

What hyperparameters and shapes alone decide is a Python number, folded in float64 on the host; everything that t, the
learning rate, a shared scalar or an array enters is a tensor of the dtype in the local `dtype`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from adaspec import ir
from adaspec.branching import passed, settled
from adaspec.counting import is_counted
from adaspec.domains import Interval, interval
from adaspec.emit import HostPrinter
from adaspec.facts import negation
from adaspec.ir import (
    Assign,
    Call,
    Choose,
    Compare,
    Dim,
    Expr,
    For,
    If,
    Name,
    Ndim,
    Number,
    Shape,
    Size,
    Stmt,
    Unary,
    When,
)
from adaspec.lower import Subtract
from adaspec.printer import PRECEDENCE, Printer

from .names import Names

ATOM = PRECEDENCE["atom"]
REDUCTIONS = ("sum", "mean", "max", "norm", "rms")


def is_host(node: Expr, traced: set[str]) -> bool:
    """Whether the value is a plain Python one; shapes are, whatever they are shapes of."""
    if isinstance(node, Dim | Ndim):
        return True
    if isinstance(node, Name):
        return node.id not in traced
    if isinstance(node, ir.Draw):
        return False
    return all(is_host(child, traced) for child in ir.children(node) if isinstance(child, Expr))


def traced_names(names: Names) -> set[str]:
    """Every name that holds a tensor at some time: the fixed point over all statements."""
    lowered, rule = names.lowered, names.lowered.rule
    traced = {rule.param, rule.grad, *rule.state_names, *([rule.step] if rule.step else [])}
    traced |= {names.rate.name} if names.rate else set()
    traced |= {t.name for p in lowered.phases for t in p.totals} | {i.name for i in rule.inputs}
    traced |= {s.name for v in lowered.views for s in v.sums}
    bodies = (*((*p.scalars, *p.body) for p in lowered.phases), *(v.body for v in lowered.views))
    bodies += tuple(s.body for v in lowered.views for s in v.sums)
    bindings = [s for body in bodies for s in ir.walk(body) if isinstance(s, Assign | Subtract)]
    # What a real branch returns, with the condition that decides it; all that the rule binds may have a value before.
    known = set(rule.declared) | {t.name for p in lowered.phases for t in p.totals} | {s.name for s in bindings}
    decided = [
        (w, set(passed(w, known)[1])) for body in bodies for w in ir.walk(body) if isinstance(w, When)
    ]  # fmt: skip
    while True:
        found = {s.name for s in bindings if not is_host(s.value, traced)} - traced
        found |= set().union(*(names for w, names in decided if not is_host(w.test, traced))) - traced
        if not found:
            return traced
        traced |= found


class KerasHost(HostPrinter):
    """Python numbers; hyperparameters are attributes, shapes are those of the Keras variable."""

    def node(self, node: Expr) -> tuple[str, int]:
        if isinstance(node, Unary) and node.op == "~":
            return f"not {self.text(node.operand, PRECEDENCE['not'])}", PRECEDENCE["not"]
        return super().node(node)


class KerasPrinter(Printer):
    """One spelling for each node. `locals_` are the names that stand as they are; hyperparameters are `self.…`."""

    def __init__(self, names: Names, traced: set[str], locals_: Iterable[str] = (), smallest: int = 1) -> None:
        self.names = names
        self.traced = traced
        self.smallest = smallest
        self.renamed = dict(names.local) | {h: a for h, a in names.attributes.items() if h not in set(locals_)}
        self.host = KerasHost(self.renamed, dict(names.lowered.intervals))
        self.helpers: set[str] = set()
        self.types = names.lowered.types
        self.rule = names.lowered.rule
        self.counting = False
        self.variables = {names.lowered.rule.param, *(s.name for s in names.lowered.rule.slots)}

    @property
    def used(self) -> set[str]:
        """Every module-level helper that the printed text calls."""
        return self.helpers | self.host.used

    def expr(self, node: Expr) -> str:
        return self.text(self.shaped(node))

    def shaped(self, node: Expr) -> Expr:
        """`node` with each shape under a name of its own, so that its interval is known: no axis is 0 in a step."""
        match node:
            case Size(operand):
                return self.fact(f"math.prod({self.array(operand)}.shape)", self.smallest)
            case Shape(operand):
                return self.fact(f"{self.array(operand)}.shape", 0)
            case Ndim(operand):
                return self.fact(f"len({self.array(operand)}.shape)", 0)
            case Dim(operand, axis):
                return self.fact(f"{self.array(operand)}.shape[{axis}]", self.smallest)
        return ir.rebuild(node, self.shaped)

    def array(self, operand: Expr) -> str:
        if operand == Name(self.names.lowered.rule.param):
            return "variable"
        return self.text(self.shaped(operand), ATOM)

    def fact(self, text: str, low: int) -> Name:
        self.host.intervals[text] = Interval(low, 2.0**31)
        return Name(text)

    def is_host(self, node: Expr) -> bool:
        return is_host(node, self.traced)

    def node(self, node: Expr) -> tuple[str, int]:
        if self.is_host(node):
            return self.host.node(node)
        if not self.counting and is_counted(node, self.rule):
            self.counting = True
            text, level = self.node(node)
            self.counting = False
            return (text, level) if isinstance(node, Compare) else (f"ops.cast({text}, dtype)", ATOM)
        match node:
            case Unary("~", operand):
                # TensorFlow's optimizer makes `a >= b` of `logical_not(a < b)`, which is another answer to a nan.
                return f"ops.equal({self.text(operand)}, False)", ATOM
            case Compare("==" | "!=" as op, left, right):
                name = "equal" if op == "==" else "not_equal"
                return f"ops.{name}({self.text(left)}, {self.text(right)})", ATOM
            case Choose(test, then, otherwise) if self.is_host(then) != self.is_host(otherwise):
                level = PRECEDENCE["choose"]  # what follows works on tensors alone, whichever side is taken
                sides = self.tensor(then, level + 1), self.tensor(otherwise, level)
                return f"{sides[0]} if {self.text(test, level + 1)} else {sides[1]}", level
        return super().node(node)

    def name(self, name: str) -> str:
        if self.counting and name == self.rule.step:
            return "(self.iterations + 1)"
        return self.renamed.get(name, name)

    def binary(self, op: str, left: Expr, right: Expr) -> tuple[str, int]:
        if op in ("%", "//") and not interval(right, self.host.intervals).nonzero:
            helper = "_remainder" if op == "%" else "_quotient"
            self.helpers.add(helper)
            return f"{helper}({self.text(left)}, {self.text(right)})", ATOM
        if op in "&|":
            name = "and" if op == "&" else "or"
            return f"ops.logical_{name}({self.text(left)}, {self.text(right)})", ATOM
        if op == "**" and right == Number(2):
            return f"ops.square({self.text(left)})", ATOM
        if op == "**" and self.is_host(left):
            return self.host_base(left, right)
        return super().binary(op, left, right)

    def host_base(self, base: Expr, exponent: Expr) -> tuple[str, int]:
        """A number to a traced power: exp(t*log(b)), whose logarithm is folded in float64."""
        where, power = interval(base, self.host.intervals), interval(exponent, self.host.intervals)
        if where.positive or (where.nonnegative and power.positive):
            log = self.host.text(Call("log", (base,)), PRECEDENCE["*"] + 1)
            return f"ops.exp({self.text(exponent, PRECEDENCE['*'])} * {log})", ATOM
        return f"ops.power({self.tensor(base)}, {self.text(exponent)})", ATOM

    def tensor(self, node: Expr, level: int = 0) -> str:
        """The value as a tensor of `dtype`, never by way of a narrower one."""
        dtype = '"bool"' if self.is_truth(node) else "dtype"
        return f"ops.convert_to_tensor({self.text(node)}, {dtype})" if self.is_host(node) else self.text(node, level)

    def is_truth(self, node: Expr) -> bool:
        match node:
            case Name(id=name):
                return name in self.types and self.types[name].truth
            case Choose(_, then, _):
                return self.is_truth(then)
            case ir.Binary(op):
                return op in "&|"
            case Unary(op):
                return op in ("~", "not")
        return isinstance(node, Compare | ir.Logical | ir.Constant)

    def call(self, node: Call) -> tuple[str, int]:
        name, args = node.function, node.args
        if name == "lerp":
            return self.lerp(*args)
        if name in REDUCTIONS:
            return self.reduction(node), ATOM
        if name == "solve_triangular":
            lower = node.option("lower") == ir.Constant(True)
            return f"ops.solve_triangular({self.text(args[0])}, {self.text(args[1])}, lower={lower})", ATOM
        if name == "take":
            self.helpers.add("_take")
            given = node.option("axis")
            axis = "-1" if given is None else self.host.text(given)
            return f"_take({self.text(args[0])}, {self.text(args[1])}, {axis})", ATOM
        if name == "diag":
            return f"ops.diagonal({self.text(args[0])}, axis1=-2, axis2=-1)", ATOM
        if (rank := node.option("rank")) is not None:
            self.helpers.add("_svd")
            return f"_svd({self.text(args[0])}, {self.host.text(rank)})", ATOM
        if name in ("qr", "eye"):
            self.helpers.add(f"_{name}")
            return f"_{name}({self.text(args[0])})", ATOM
        if name in ("unfold", "fold", "spread"):
            self.helpers.add(f"_{name}")
            rest = "".join(f", {self.text(a)}" for a in (*args[1:], node.options[0][1]))
            return f"_{name}({self.value(args[0])}{rest})", ATOM
        if name == "where":
            if self.is_host(args[0]):
                # Not all three are of the host: what follows works on tensors alone, whichever side is taken.
                parts = [self.text(args[0], 2), *(self.tensor(a, PRECEDENCE["choose"] + 1) for a in args[1:])]
                return f"{parts[1]} if {parts[0]} else {parts[2]}", PRECEDENCE["choose"]
            # Two Python numbers would make a tensor of floatx
            chosen = self.tensor(args[1]) if self.is_host(args[2]) else self.text(args[1])
            return f"ops.where({self.text(args[0])}, {chosen}, {self.text(args[2])})", ATOM
        if name == "clip":
            low, high = (self.text(a) for a in args[1:])
            if not self.is_host(args[0]) and self.is_host(args[1]) and self.is_host(args[2]):
                return f"ops.clip({self.text(args[0])}, {low}, {high})", ATOM
            return f"ops.minimum(ops.maximum({self.text(args[0])}, {low}), {high})", ATOM
        return f"ops.{name}({', '.join(self.text(a) for a in args)})", ATOM

    def lerp(self, old: Expr, new: Expr, weight: Expr) -> tuple[str, int]:
        if not isinstance(old, Name):
            self.helpers.add("_lerp")
            return f"_lerp({self.text(old)}, {self.text(new)}, {self.text(weight)})", ATOM
        share, change = self.text(weight, PRECEDENCE["*"]), self.text(new, PRECEDENCE["-"])
        return f"{self.name(old.id)} + {share} * ({change} - {self.name(old.id)})", PRECEDENCE["+"]

    def reduction(self, node: Call) -> str:
        axis = node.option("axis")
        option = "" if axis is None else f", axis={self.host.text(axis)}"
        (array,) = node.args
        if node.function in ("norm", "rms"):
            inner = "sum" if node.function == "norm" else "mean"
            return f"ops.sqrt(ops.{inner}(ops.square({self.text(array)}){option}))"
        return f"ops.{node.function}({self.text(array)}{option})"

    def draw(self, node: ir.Draw) -> str:
        self.helpers |= {"_words", f"_{node.kind}"}
        return f"_{node.kind}(noise, {node.stream})"

    def transpose(self, operand: Expr) -> str:
        return f"ops.swapaxes({self.value(operand)}, -2, -1)"

    def value(self, operand: Expr) -> str:
        text = self.text(operand)
        if isinstance(operand, Name) and operand.id in self.variables:
            return f"ops.copy({text})"  # it may be the Variable, which knows no axes
        return text


class Statements:
    """Statements in order, each name rebound as in the rule.

    `raw` are the names that still stand for a Variable rather than its value: copied on plain assignment, because the
    Variable gets its new value before every old one has been written where it belongs.
    """

    def __init__(
        self, printer: KerasPrinter, raw: Iterable[str], comments: Mapping[str, str], known: Iterable[str]
    ) -> None:
        self.printer = printer
        self.known = set(known)
        """The names that have a value where the next statement stands."""
        self.raw = set(raw)
        self.comments = comments

    def block(self, body: Iterable[Stmt], indent: str) -> list[str]:
        lines: list[str] = []
        for stmt in body:
            before = set(self.known)
            lines += self.stmt(stmt, indent)
            self.known = settled((stmt,), before)
        return lines

    def side(self, body: Iterable[Stmt], indent: str) -> list[str]:
        """The statements of one way of several."""
        before = set(self.known)
        lines = self.block(body, indent)
        self.known = before
        return lines

    def stmt(self, stmt: Stmt, indent: str) -> list[str]:
        match stmt:
            case Assign(name, value):
                text = self.value(name, self.printer.shaped(value))
                self.raw.discard(name)
                line = f"{indent}{self.printer.name(name)} = {text}"
                note = f"# {self.comments[name]}" if name in self.comments else ""
                if note and len(line) + len(note) > 118:
                    return [f"{indent}{note}", line]
                return [f"{line}  {note}" if note else line]
            case Subtract(name, value):
                own, change = self.printer.name(name), self.printer.shaped(value)
                self.raw.discard(name)
                return [f"{indent}{own} = {own} - {self.printer.text(change, PRECEDENCE['-'] + 1)}"]
            case When(test) if not self.printer.is_host(test):
                return self.when(stmt, indent)
            case If(test, then, otherwise):
                return self.branch(test, then, otherwise, indent)
            case For(count, body):
                lines = [f"{indent}for _ in range({self.printer.expr(count)}):"]
                before = set(self.raw)
                inner = self.side(body, indent + "    ")
                self.raw = before  # the loop may run no time at all
                return lines + (inner or [f"{indent}    pass"])
        raise TypeError(type(stmt).__name__)

    def branch(self, test: Expr, then: tuple[Stmt, ...], otherwise: tuple[Stmt, ...], indent: str) -> list[str]:
        if not then:
            test, then, otherwise = negation(test), otherwise, ()
        before = set(self.raw)
        lines = [f"{indent}if {self.printer.expr(test)}:", *self.side(then, indent + "    ")]
        after, self.raw = self.raw, before
        if otherwise:
            lines += [f"{indent}else:", *self.side(otherwise, indent + "    ")]
        self.raw |= after
        return lines

    def when(self, stmt: When, indent: str) -> list[str]:
        """Each side of a real branch is a function of what it binds anew; what they return are values."""
        given, made = ([self.printer.name(n) for n in names] for names in passed(stmt, self.known))
        if not made:
            return []
        lines, raw = [], set(self.raw)
        for name, body in (("then", stmt.then), ("otherwise", stmt.otherwise)):
            self.raw = set(raw)
            inside = self.side(body, indent + "    ")
            listed = ", ".join(made) if len(made) > 1 else f"({made[0]},)"
            lines += ["", f"{indent}def {name}({', '.join(given)}):", *inside, f"{indent}    return {listed}"]
        self.raw = raw - set(passed(stmt, self.known)[1])
        self.printer.helpers.add("_branch")
        target = ", ".join(made) if len(made) > 1 else f"({made[0]},)"
        test = self.printer.expr(stmt.test)
        return [*lines, "", f"{indent}{target} = _branch({', '.join([test, 'then', 'otherwise', *given])})"]

    def value(self, name: str, value: Expr) -> str:
        if name in self.printer.traced and self.printer.is_host(value):
            return self.printer.tensor(value)
        return self.copied(value)

    def copied(self, value: Expr) -> str:
        match value:
            case Name(id=source) if source in self.raw:
                return f"ops.copy({self.printer.name(source)})"
            case Choose(test, then, otherwise) if self.raw & {n.id for n in (then, otherwise) if isinstance(n, Name)}:
                return f"{self.copied(then)} if {self.printer.text(test, 2)} else {self.copied(otherwise)}"
        return self.printer.text(value)


def reads(param: str, nodes: Iterable[ir.Node]) -> set[str]:
    """Every name whose value the statements and expressions read; the parameter's shape is read off the variable."""
    found: set[str] = set()
    for node in nodes:
        match node:
            case Name(id=name):
                found.add(name)
            case Dim(operand=Name(id=name)) | Ndim(operand=Name(id=name)) if name == param:
                pass
            case _:
                found |= {node.name} if isinstance(node, Subtract) else set()
                found |= reads(param, ir.children(node))
    return found


__all__ = ["KerasPrinter", "Statements", "is_host", "reads", "traced_names"]
