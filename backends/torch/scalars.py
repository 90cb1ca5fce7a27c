"""The scalars of a step, as host functions of Python floats: what the tensors need, and what the model shares."""

from __future__ import annotations

from dataclasses import replace

from adaspec import ir
from adaspec.emit import HostPrinter
from adaspec.ir import Assign, Expr, If, Name, Number, Stmt
from adaspec.lower import Lowered, live
from adaspec.printer import PRECEDENCE, Printer
from adaspec.stage import Stage

from .names import Names

Lines = list[str]


class Shares:
    """The Shareds of a rule: `total` are those that a sum over the model enters, `own` those of a parameter group."""

    def __init__(self, lowered: Lowered, names: Names) -> None:
        self.lowered = lowered
        self.totals = {t.name for p in lowered.phases for t in p.totals}
        self.bound = {lowered.shared_values[s.name]: s.name for s in lowered.rule.shared}
        reach = {s.name: self._reach(lowered.shared_values[s.name]) for s in lowered.rule.shared}
        self.total = [s.name for s in lowered.rule.shared if reach[s.name] & self.totals]
        self.own = [s.name for s in lowered.rule.shared if s.name not in self.total]
        self.hypers = [h.name for h in lowered.rule.hypers if any(h.name in reach[s] for s in self.total)]
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

    def level(self, name: str) -> int:
        """The phase in which a Shared gets its new value."""
        value = self.lowered.shared_values[name]
        return max(k for k, p in enumerate(self.lowered.phases) if value in ir.assigned(p.scalars))


class Host:
    """Prints scalar statements; `used` collects the guard functions that the module must define."""

    def __init__(self, lowered: Lowered, names: Names) -> None:
        self.lowered = lowered
        self.names = names
        self.printer = HostPrinter(names.renamed, lowered.intervals)
        self.facts = FactPrinter(names)

    def block(self, body: tuple[Stmt, ...], indent: str) -> Lines:
        lines: Lines = []
        for stmt in body:
            match stmt:
                case Assign(name, value):
                    comment = self.lowered.comments.get(name)
                    tail = f"  # {comment}" if comment else ""
                    lines.append(f"{indent}{self.names(name)} = {self.text(value)}{tail}")
                case If(test, then, otherwise):
                    both = set(ir.assigned(then)) & set(ir.assigned(otherwise))
                    lines += [f"{indent}{self.names(n)} = 0.0" for n in ir.assigned((stmt,)) if n not in both]
                    lines += [f"{indent}if {self.facts.text(test)}:"]
                    lines += self.block(then, indent + "    ") or [f"{indent}    pass"]
                    if otherwise:
                        lines += [f"{indent}else:", *self.block(otherwise, indent + "    ")]
                case ir.For(count, inner):
                    lines += [f"{indent}for _ in range({self.facts.text(count)}):"]
                    lines += self.block(inner, indent + "    ")
        return lines

    def text(self, value: Expr) -> str:
        return self.printer.text(value) if self.lowered_number(value) else self.facts.text(value)

    def lowered_number(self, value: Expr) -> bool:
        return not any(isinstance(n, ir.Logical | ir.Compare | ir.Constant) for n in ir.walk(value)) or any(
            isinstance(n, ir.Call) for n in ir.walk(value)
        )


class FactPrinter(Printer):
    """Static facts: flags, counts, None, ndim and shape."""

    def __init__(self, names: Names) -> None:
        self.names = names

    def name(self, name: str) -> str:
        return self.names(name)


class Scalars:
    """What one phase needs of the host: `use` gives a scalar expression the name by which it is passed."""

    def __init__(self, host: Host, shares: Shares, phase: int) -> None:
        self.host = host
        self.names = host.names
        self.lowered = host.lowered
        self.shares = shares
        self.phase = phase
        self.values: dict[Expr, str] = {}
        self.static: dict[str, None] = {}
        self.known = {s.name: s.value for p in self.lowered.phases for s in p.scalars if isinstance(s, Assign)}

    @property
    def passed(self) -> list[str]:
        return list(self.values.values())

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
        if node not in self.values:
            optional = {h.name for h in self.lowered.rule.hypers if h.optional}
            if isinstance(node, Name) and node.id not in optional:
                self.values[node] = self.names(node.id)
            else:
                self.values[node] = self.names.fresh(hint)
        return self.values[node]

    def fact(self, node: Expr) -> str:
        """A static condition or count, over the hyperparameters that are passed as they are."""
        node = self.seen_through(node)
        rule = self.lowered.rule
        for name in sorted(ir.names(node)):
            if rule.hyper(name):
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
        wanted = set().union(*(ir.names(e) for e in self.values), set())
        return live(tuple(s for stmt in stmts for s in self._with_shared_given(stmt)), wanted)

    def _with_shared_given(self, stmt: Stmt) -> tuple[Stmt, ...]:
        """Shareds get their new values from elsewhere: they follow the optimizer's steps, not a parameter's."""
        match stmt:
            case Assign(name) if name in self.shares.bound:
                given = self.shares.new[self.shares.bound[name]]
                return () if given == name else (Assign(name, Name(given)),)
            case If(_, then, otherwise):
                sides = [tuple(s for inner in side for s in self._with_shared_given(inner)) for side in (then, otherwise)]
                return (replace(stmt, then=sides[0], otherwise=sides[1]),)
        return (stmt,)

    def inputs(self) -> list[str]:
        """The arguments in front of the `*`: t, Shareds before and after, totals; spec names."""
        free = unbound(self.body()) | self._direct()
        new = list(self.shares.new.values())
        order = [self.lowered.rule.step, *(s.name for s in self.lowered.rule.shared), *new, *sorted(self.shares.totals)]
        return [n for n in order if n and n in free]

    def _direct(self) -> set[str]:
        bound = set(ir.assigned(self.body()))
        return set().union(*(ir.names(e) for e in self.values), set()) - bound

    def hypers(self) -> list[str]:
        free = unbound(self.body()) | self._direct()
        return [h.name for h in self.names.hypers if h.name in free]

    def lines(self) -> Lines:
        if not self.values:
            return []
        body = self.body()
        arguments = [f"{self.names(n)}: float" for n in self.inputs()]
        arguments += ["*", *(hyper_argument(self.lowered, self.names, n) for n in self.hypers())] if self.hypers() else []
        lines = signature(self.function, arguments, "tuple[float, ...]")
        lines += ['    """The numbers of a step that the tensors need, in float64."""']
        lines += self.host.block(body, "    ")
        optional = {h.name for h in self.lowered.rule.hypers if h.optional}
        for node, name in self.values.items():
            if isinstance(node, Name) and node.id not in optional:
                continue
            text = self.host.text(node)
            if guard := [f"{self.names(n)} is not None" for n in sorted(ir.names(node) & optional)]:
                text = f"{text} if {' and '.join(guard)} else 0.0"
            lines.append(f"    {name} = {text}")
        returned = ", ".join(self.passed)
        return [*lines, f"    return {returned}" if len(self.passed) > 1 else f"    return ({returned},)"]


def model_lines(host: Host, shares: Shares, wanted: list[str], function: str) -> tuple[Lines, list[str], list[str]]:
    """A function of the new values of some Shareds; its positional arguments and its hyperparameters, as spec names."""
    lowered, names = host.lowered, host.names
    values = [lowered.shared_values[s] for s in wanted]
    body = live(tuple(s for p in lowered.phases for s in p.model), set(values))
    free = unbound(body)
    order = [lowered.rule.step, *(s.name for s in lowered.rule.shared), *sorted(shares.totals)]
    inputs = [n for n in order if n and n in free]
    hypers = [h.name for h in names.hypers if h.name in free]
    arguments = [f"{names(n)}: float" for n in inputs]
    arguments += ["*", *(hyper_argument(lowered, names, n) for n in hypers)] if hypers else []
    lines = signature(function, arguments, "tuple[float, ...]")
    lines += ['    """What the model shares, after this step."""', *host.block(body, "    ")]
    lines.append(f"    return {', '.join(names(v) for v in values)}{',' if len(values) == 1 else ''}")
    return lines, inputs, hypers


def hyper_argument(lowered: Lowered, names: Names, name: str) -> str:
    return f"{names(name)}: {annotation(lowered.rule.hyper(name))}"


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


def unbound(body: tuple[Stmt, ...]) -> set[str]:
    """The names that are read before they are bound."""
    free: set[str] = set()
    bound: set[str] = set()
    for stmt in body:
        match stmt:
            case Assign(name, value):
                free |= ir.names(value) - bound
                bound.add(name)
            case If(test, then, otherwise):
                free |= (ir.names(test) | unbound(then) | unbound(otherwise)) - bound
                bound |= set(ir.assigned(then)) & set(ir.assigned(otherwise))
            case _:
                free |= ir.names(stmt) - bound
                bound |= set(ir.assigned((stmt,)))
    return free


__all__ = ["PRECEDENCE", "Host", "Scalars", "Shares", "annotation", "model_lines", "signature"]
