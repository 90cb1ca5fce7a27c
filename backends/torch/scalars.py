"""The scalars of a step, as functions of numbers or of tensors: what the arrays need, and what the model shares."""

from __future__ import annotations

from dataclasses import replace

from adaspec import ir
from adaspec.facts import negation
from adaspec.ir import Assign, Expr, If, Name, Stmt
from adaspec.lower import Lowered
from adaspec.printer import PRECEDENCE, Printer
from adaspec.types import Stage

from .liveness import needed, settled, unbound
from .names import Names
from .numbers import NumberPrinter
from .printer import WORDS, ShapePrinter

Lines = list[str]


class Shares:
    """The Shareds of a rule: `total` are those that a sum over the model enters, `own` those of a parameter group."""

    def __init__(self, lowered: Lowered, names: Names) -> None:
        self.lowered = lowered
        self.totals = {t.name for p in lowered.phases for t in p.totals}
        self.bound = {lowered.shared_values[s.name]: s.name for s in lowered.rule.shared}
        reach = {s.name: self._reach(lowered.shared_values[s.name]) for s in lowered.rule.shared}
        entered = set(self.totals)
        while found := {s for s in reach if s not in entered and reach[s] & entered}:  # what reads such a Shared, too
            entered |= found
        self.total = [s.name for s in lowered.rule.shared if s.name in entered]
        self.own = [s.name for s in lowered.rule.shared if s.name not in self.total]
        begun = {s.initial for s in lowered.rule.shared if s.name in self.total}
        self.hypers = [
            h.name for h in lowered.rule.hypers if h.name in begun or any(h.name in reach[s] for s in self.total)
        ]
        self.step = {s for s in reach if lowered.rule.step in reach[s]}
        # The name under which `_scalars` gets a new value: the one that lowering gave it, else one of its own.
        values = lowered.shared_values
        self.new = {s: values[s] if values[s] != s else names.fresh(f"{names(s)}_new") for s in reach}

    def _reach(self, name: str) -> set[str]:
        """Every name that enters the value of `name`, through scalars and Shareds."""
        found, todo = {name}, [name]
        stmts = [s for p in self.lowered.phases for s in p.scalars]
        while todo:
            name = todo.pop()
            for stmt in stmts:
                if name in ir.assigned((stmt,)):
                    new = ir.names(stmt) - found
                    found |= new
                    todo += sorted(new)
        return found

    def given(self, stmt: Stmt, names: list[str]) -> tuple[Stmt, ...]:
        """`stmt`, but these Shareds get their new values as arguments."""
        match stmt:
            case Assign(name) if self.bound.get(name) in names:
                new = self.new[self.bound[name]]
                return () if new == name else (Assign(name, Name(new)),)
            case If(_, then, otherwise):
                sides = [tuple(s for inner in side for s in self.given(inner, names)) for side in (then, otherwise)]
                new = (replace(stmt, then=sides[0], otherwise=sides[1]),)
                if not isinstance(stmt, ir.When):
                    return new
                # The model may be on the other side: its step is not the parameter's.
                behind = [n for n in ir.assigned((stmt,)) if self.bound.get(n) in names]
                return (*new, *(s for n in behind for s in self.given(Assign(n, Name(n)), names)))
            case ir.For(_, body) if {self.bound.get(n) for n in ir.assigned(body)} <= set(names):
                return tuple(new for n in ir.assigned(body) for new in self.given(Assign(n, Name(n)), names))
        return (stmt,)


class Host:
    """Prints scalar statements."""

    def __init__(self, lowered: Lowered, names: Names) -> None:
        self.lowered = lowered
        self.names = names
        self.printer = NumberPrinter(names.renamed, lowered.intervals)
        self.facts = FactPrinter(names)

    def block(self, body: tuple[Stmt, ...], indent: str, bound: set[str]) -> Lines:
        """`bound` are the names that have a value already; what one branch alone binds is nan elsewhere.

        Nobody reads it there, but numbers made of it are computed all the same, and 1 / 0 would be an exception.
        """
        lines: Lines = []
        for stmt in body:
            match stmt:
                case Assign(name, value):
                    comment = self.lowered.comments.get(name)
                    tail = f"  # {comment}" if comment else ""
                    lines.append(f"{indent}{self.names(name)} = {self.text(value)}{tail}")
                    bound.add(name)
                case If(test, then, otherwise):
                    both = set(ir.assigned(then)) & set(ir.assigned(otherwise)) | bound
                    lines += [
                        f"{indent}{self.names(n)} = {self.nothing(n)}" for n in ir.assigned((stmt,)) if n not in both
                    ]
                    bound |= set(ir.assigned((stmt,)))
                    if not then:
                        test = ir.Unary("not", test) if isinstance(stmt, ir.When) else negation(test)
                        then, otherwise = otherwise, ()
                    lines += [f"{indent}if {self.facts.text(test)}:", *self.block(then, indent + "    ", bound)]
                    if otherwise:
                        lines += [f"{indent}else:", *self.block(otherwise, indent + "    ", bound)]
                case ir.For(count, inner):
                    lines += [f"{indent}for _ in range({self.facts.text(count)}):"]
                    lines += self.block(inner, indent + "    ", bound)
        return lines

    def nothing(self, name: str) -> str:
        known = self.lowered.types.get(name)
        return "False" if known is not None and known.truth else "math.nan"

    def text(self, value: Expr) -> str:
        return self.printer.text(value)


class FactPrinter(Printer):
    """Static facts: flags, counts, None, ndim and shape."""

    words = WORDS

    def __init__(self, names: Names) -> None:
        self.names = names

    def name(self, name: str) -> str:
        return self.names(name)

    def node(self, node: Expr) -> tuple[str, int]:
        if isinstance(node, ir.Unary) and node.op == "~":  # of a Python truth value, `~` would be the bits of an int
            return super().node(ir.Unary("not", node.operand))
        return super().node(node)

    def call(self, node: ir.Call) -> tuple[str, int]:
        """Functions of literals and counts."""
        return ShapePrinter(self.names, lambda _: None).call(node)


class Scalars:
    """What one phase needs of the host: `use` gives a scalar expression the name by which it is passed."""

    def __init__(self, host: Host, shares: Shares, phase: int) -> None:
        self.host = host
        self.names = host.names
        self.lowered = host.lowered
        self.shares = shares
        self.phase = phase
        self.values: dict[Expr, str] = {}
        self.truths: dict[Expr, str] = {}
        """Conditions of real branches, which are passed behind `values`."""
        self.static: dict[str, None] = {}
        self.known = {s.name: s.value for p in self.lowered.phases for s in p.scalars if isinstance(s, Assign)}

    @property
    def every(self) -> dict[Expr, str]:
        return self.values | self.truths

    @property
    def passed(self) -> list[str]:
        return list(self.every.values())

    def is_pure(self, node: Expr) -> bool:
        """Whether the host can compute it before it meets a tensor: no shape enters."""
        if any(isinstance(n, ir.Dim | ir.Ndim) for n in ir.walk(node)):
            return False
        return not any(self.stage(n) & (Stage.SHAPE | Stage.ARRAY) for n in ir.names(node))

    def stage(self, name: str) -> Stage:
        found = self.lowered.types.get(name)
        return Stage.SCALAR if found is None or name in self.shares.totals else found.stage

    def use(self, node: Expr, hint: str = "k1") -> str:
        """The text by which a scalar is read where the tensors are."""
        if not ir.names(node):
            return self.host.printer.text(node)
        if node in self.truths:
            return self.truths[node]
        if node not in self.values:
            optional = self.lowered.rule.optional
            if isinstance(node, Name) and node.id not in optional:
                self.values[node] = self.names(node.id)
            else:
                self.values[node] = self.names.fresh(hint)
        return self.values[node]

    def truth(self, node: Expr) -> str:
        """The text by which the condition of a real branch is read."""
        self.values.pop(node, None)
        if node not in self.truths:
            self.truths[node] = self.names(node.id) if isinstance(node, Name) else self.names.fresh("due")
        return self.truths[node]

    def as_tensors(self, text: str, like: str) -> str:
        """These scalars for a compiled graph, which is compiled anew for each answer to the conditions."""
        n = len(self.truths)
        if not n:
            return f"_as_tensors({text}, {like})"
        return f"(*_as_tensors({text}[:-{n}], {like}), *{text}[-{n}:])" if self.values else text

    def fact(self, node: Expr) -> str:
        """A static condition or count, over the hyperparameters that are passed as they are."""
        node = self.seen_through(node)
        rule = self.lowered.rule
        for name in sorted(ir.names(node)):
            if rule.hyper(name) or name in self.names.flags.values():
                self.static[name] = None
        return self.host.facts.text(node)

    def seen_through(self, node: Expr) -> Expr:
        if isinstance(node, Name) and node.id in self.known and self.stage(node.id).static:
            return self.seen_through(self.known[node.id])
        return ir.rebuild(node, self.seen_through)

    # The function's text

    @property
    def function(self) -> str:
        return "_scalars" if len(self.lowered.phases) == 1 else f"_scalars_{self.phase + 1}"

    def body(self) -> tuple[Stmt, ...]:
        stmts = [s for p in self.lowered.phases[: self.phase + 1] for s in p.scalars]
        wanted = set().union(*(ir.names(e) for e in self.every), set())
        # Shareds follow the optimizer's steps, not a parameter's: their new values come from elsewhere.
        shared = list(self.shares.new)
        return needed(tuple(s for stmt in stmts for s in self.shares.given(stmt, shared)), wanted)

    def inputs(self) -> list[str]:
        """The arguments in front of the `*`: t, Shareds before and after, totals; spec names."""
        free = unbound(self.body()) | self._direct()
        new = list(self.shares.new.values())
        order = [self.lowered.rule.step, *(s.name for s in self.lowered.rule.shared), *new, *sorted(self.shares.totals)]
        return [n for n in (*order, *supplied(self.names)) if n and n in free]

    def _direct(self) -> set[str]:
        return set().union(*(ir.names(e) for e in self.every), set()) - settled(self.body())

    def hypers(self) -> list[str]:
        free = unbound(self.body()) | self._direct()
        return [h.name for h in self.names.hypers if h.name in free]

    def lines(self) -> Lines:
        if not self.every:
            return []
        body = self.body()
        arguments = [f"{self.names(n)}: {kind_of(self.names, n)}" for n in self.inputs()]
        arguments += (
            ["*", *(hyper_argument(self.lowered, self.names, n) for n in self.hypers())] if self.hypers() else []
        )
        lines = signature(self.function, arguments, "tuple[Any, ...]")
        lines += [
            '    """The numbers of a step that the arrays need, in float64; tensors of them where the step is one."""'
        ]
        lines += self.host.block(body, "    ", {*self.inputs(), *self.hypers()})
        optional = self.lowered.rule.optional
        for node, name in self.every.items():
            if isinstance(node, Name) and node.id not in optional:
                continue
            text = self.host.text(node)
            if guard := [f"{self.names(n)} is not None" for n in sorted(ir.names(node) & optional)]:
                text = f"{text} if {' and '.join(guard)} else 0.0"
            lines.append(f"    {name} = {text}")
        return [*lines, f"    return {joined(self.passed)}"]


def model_lines(
    host: Host, shares: Shares, wanted: list[str], function: str, upto: int
) -> tuple[Lines, list[str], list[str]]:
    """A function of the new values of some Shareds, by the statements up to a phase; its arguments and hyperparameters.

    Where sums over the model enter, the Shareds of a group are given.
    """
    lowered, names = host.lowered, host.names
    values = [lowered.shared_values[s] for s in wanted]
    own = [] if wanted == shares.own else shares.own
    stmts = [s for p in lowered.phases[: upto + 1] for stmt in p.model for s in shares.given(stmt, own)]
    body = needed(tuple(stmts), set(values))
    free = unbound(body) | (set(values) - settled(body))
    new = [shares.new[s] for s in own]
    order = [lowered.rule.step, *(s.name for s in lowered.rule.shared), *new, *sorted(shares.totals)]
    inputs = [n for n in (*order, *supplied(names)) if n and n in free]
    hypers = [h.name for h in names.hypers if h.name in free]
    arguments = [f"{names(n)}: {kind_of(names, n)}" for n in inputs]
    arguments += ["*", *(hyper_argument(lowered, names, n) for n in hypers)] if hypers else []
    lines = signature(function, arguments, "tuple[Any, ...]")
    lines += ['    """What the model shares, after this step."""', *host.block(body, "    ", {*inputs, *hypers})]
    return [*lines, f"    return {joined([names(v) for v in values])}"], inputs, hypers


def supplied(names: Names) -> list[str]:
    """The numbers that a step is given, and the flags that say which inputs are there."""
    return [*names.lowered.rule.scalar_inputs, *names.flags.values()]


def kind_of(names: Names, name: str) -> str:
    """The annotation of an argument that the step supplies."""
    optional = name in names.lowered.rule.scalar_inputs and name in names.lowered.rule.optional
    return "bool" if name in names.flags.values() else "float | None" if optional else "Any"


def joined(names: list[str]) -> str:
    """A tuple of names, to return or to unpack into."""
    return ", ".join(names) if len(names) > 1 else f"({names[0]},)"


def hyper_argument(lowered: Lowered, names: Names, name: str) -> str:
    hyper = lowered.rule.hyper(name)
    return f"{names(name)}: {'Any' if may_be_tensor(hyper) else annotation(hyper)}"


def may_be_tensor(hyper: ir.Hyper | None) -> bool:
    """Whether a hyperparameter is a plain real number, for which a 1-element Tensor can stand."""
    assert hyper is not None
    return hyper.kind not in ("Count", "Flag") and not hyper.optional


def annotation(hyper: ir.Hyper | None) -> str:
    assert hyper is not None
    kind = {"Count": "int", "Flag": "bool"}.get(hyper.kind, "float")
    return f"{kind} | None" if hyper.optional else kind


def signature(function: str, arguments: list[str], returns: str) -> Lines:
    """`def` in one line where it fits, else as a formatter breaks it."""
    one = f"def {function}({', '.join(arguments)}) -> {returns}:"
    if len(one) <= 120:
        return [one]
    inner = f"    {', '.join(arguments)}"
    rows = [inner] if len(inner) <= 120 else [f"    {a}," for a in arguments]
    return [f"def {function}(", *rows, f") -> {returns}:"]


__all__ = ["PRECEDENCE", "Host", "Scalars", "Shares", "annotation", "may_be_tensor", "model_lines", "signature"]
