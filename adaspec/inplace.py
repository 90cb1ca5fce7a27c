"""Elementwise statements as operations on registers: in place where a value dies, with few temporaries.

For targets that write into memory (torch's `foreach` and `out=`, NumPy's `out=`). An operation reads registers and scalar
expressions and writes one register; operands of the same element may be the destination itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from . import ir
from .domains import Intervals
from .fold import ONE, Folder, terms
from .ir import Assign, Binary, Call, Compare, Expr, If, Name, Number, Stmt, Unary
from .lower import Subtract
from .stage import Stage, Type

FUSED = frozenset({"lerp", "addcmul", "addcdiv", "add_scaled"})
"""Operations that some targets have in one pass: v + w*(u - v); x + s*a*b; x + s*a/b; x + s*a."""


@dataclass(frozen=True)
class Op:
    """`dest = function(args)`: each arg a `Name` of a register or a scalar expression; `dest` may be among them."""

    dest: str
    function: str
    args: tuple[Expr, ...]


@dataclass(frozen=True)
class Reduce:
    """`dest`, a 0-d value per array, is `function` (sum, mean, max, norm, rms) of one register."""

    dest: str
    function: str
    arg: Name


@dataclass(frozen=True)
class Let:
    """`name`, a 0-d value per array, is an expression of scalars and other 0-d values."""

    name: str
    value: Expr


@dataclass(frozen=True)
class Branch:
    test: Expr
    then: tuple[Step, ...]
    otherwise: tuple[Step, ...]


Step = Op | Reduce | Let | Branch


@dataclass(frozen=True)
class Block:
    """A body as steps. `scalars` are to be computed first; `temporaries` are registers of the parameter's shape that the
    steps need; `results` says which register holds each name that was bound (slots and the parameter hold their own)."""

    scalars: tuple[Assign, ...]
    steps: tuple[Step, ...]
    temporaries: tuple[str, ...]
    results: Mapping[str, str]


def elementwise(body: tuple[Stmt, ...], types: Mapping[str, Type]) -> bool:
    """Whether a body can become a `Block`: full arrays and 0-d values, no axis, no matrix product, no loop."""
    for node in ir.walk(body):
        match node:
            case ir.For() | ir.Transpose() | ir.Index() | Binary("@") | ir.Choose():
                return False
            case Call(options=options) if options:
                return False
            case Assign(name) | Subtract(name) if types[name].is_array and not types[name].is_full:
                return False
            case Name(id=name) if name in types and types[name].is_array and not types[name].is_full:
                return False
    return True


def inplace(
    body: tuple[Stmt, ...],
    types: Mapping[str, Type],
    intervals: Intervals,
    taken: set[str],
    own: set[str],
    keep: tuple[str, ...] = (),
    fused: frozenset[str] = FUSED,
    values: tuple[Expr, ...] = (),
) -> Block:
    """The block of an elementwise body.

    `own` are the registers that may be written under their own names (the parameter and slots), `keep` locals that are
    read after the block, `fused` the operations that the target has; `values` are 0-d expressions to be reduced at the
    end (what `total` sums): they are bound to `value1`, `value2`… in `results`.
    """
    kept = set(keep) | {n for v in values for n in ir.names(v)}
    builder = Builder(types, intervals, taken, own, fused, kept)
    body = inlined(body, own, kept)
    builder.block(body)
    for number, value in enumerate(values, 1):
        builder.results[f"value{number}"] = builder.number(value)
    return Block(tuple(builder.scalars), tuple(builder.steps), tuple(builder.all_temps), dict(builder.results))


def inlined(body: tuple[Stmt, ...], own: set[str], keep: set[str]) -> tuple[Stmt, ...]:
    """`body` with every local that is read once put where it is read, so that its scalars can be folded there."""
    out = list(body)
    for place in range(len(out) - 1, -1, -1):
        stmt = out[place]
        if not isinstance(stmt, Assign) or stmt.name in own | keep:
            continue
        reads = [(i, _count(s, stmt.name)) for i, s in enumerate(out) if i > place]
        rebound = next((i for i, s in enumerate(out) if i > place and stmt.name in _bound(s)), len(out))
        reads = [(i, n) for i, n in reads if n and i <= rebound]
        if len(reads) != 1 or reads[0][1] != 1 or not isinstance(out[reads[0][0]], Assign | Subtract):
            continue
        use = reads[0][0]
        changed = {n for s in out[place + 1 : use] for n in _bound(s)}
        if changed & ir.names(stmt.value):
            continue
        out[use] = _with(out[use], stmt.name, stmt.value)
        out[place] = Assign("", Number(0))
    return tuple(s for s in out if not (isinstance(s, Assign) and s.name == ""))


def _count(stmt: Stmt, name: str) -> int:
    return sum(1 for n in ir.walk(stmt) if isinstance(n, Name) and n.id == name)


def _bound(stmt: Stmt) -> set[str]:
    return {n.name for n in ir.walk(stmt) if isinstance(n, Assign | Subtract)}


def _with(node, name: str, value: Expr):
    def swap(inner):
        return value if isinstance(inner, Name) and inner.id == name else ir.rebuild(inner, swap)

    return swap(node)


class Builder:
    """Registers and steps, statement by statement."""

    def __init__(
        self,
        types: Mapping[str, Type],
        intervals: Intervals,
        taken: set[str],
        own: set[str],
        fused: frozenset[str],
        keep: set[str],
    ) -> None:
        self.types = dict(types)
        self.intervals = intervals
        self.taken = taken
        self.own = own
        self.fused = fused
        self.keep = keep
        self.steps: list[Step] = []
        self.scalars: list[Assign] = []
        self.all_temps: list[str] = []
        self.free: list[str] = []
        self.results: dict[str, str] = {}
        self.named: dict[Expr, str] = {}
        self.pinned: set[str] = set()
        self.sums: dict[Expr, Name] = {}
        self.folder = Folder(self.is_scalar, intervals)

    # Facts

    def is_scalar(self, node: Expr) -> bool:
        """Whether no array of the parameter's shape enters except through a reduction."""
        if isinstance(node, Name):
            return node.id not in self.types or not self.types[node.id].is_array
        if isinstance(node, Call) and node.function in ("sum", "mean", "max", "norm", "rms"):
            return False  # reduced first, then a number by name
        return all(self.is_scalar(child) for child in ir.children(node) if isinstance(child, Expr))

    def is_host(self, node: Expr) -> bool:
        return all(n not in self.types or self.types[n].stage.host for n in ir.names(node))

    def is_shared(self, node: Expr) -> bool:
        """Whether it is one value for the whole model, to be computed once per step."""
        shapes = any(isinstance(n, ir.Dim | ir.Ndim) for n in ir.walk(node))
        return not shapes and all(n not in self.types or self.types[n].stage.shared for n in ir.names(node))

    # Statements

    def block(self, body: tuple[Stmt, ...]) -> None:
        for place, stmt in enumerate(body):
            self.sums.clear()
            rest = body[place + 1 :]
            live = ir.names(rest)
            match stmt:
                case If(test, then, otherwise):
                    self.branch(test, then, otherwise)
                case Assign(name, value) if not self.types[name].is_array:
                    self.let(name, value)
                case Assign(name, value):
                    self.assign(name, self.folder.fold(self.reduced(value)))
                case Subtract(name, value):
                    change = self.folder.fold(self.reduced(Unary("-", value)))
                    self.assign(name, Binary("+", Name(name), change))
            for name in [n for n in self.results if n not in live | self.keep]:
                register = self.results.pop(name)
                if register in self.all_temps and register not in self.free:
                    self.free.append(register)

    def branch(self, test: Expr, then: tuple[Stmt, ...], otherwise: tuple[Stmt, ...]) -> None:
        """Both sides leave each local in the same register, so that what follows need not know which was taken."""
        locals_ = [n for n in dict.fromkeys([*_ordered(then), *_ordered(otherwise)]) if n not in self.own]
        places = {
            n: self.results[n] if self.results.get(n) in self.all_temps else self.allocate()
            for n in locals_
            if self.types[n].is_array
        }
        before = dict(self.results)
        sides = []
        for body in (then, otherwise):
            outer, self.steps = self.steps, []
            self.results = dict(before)
            self.block(body)
            for name, place in places.items():
                found = self.register(name)
                if found != place:
                    self.steps.append(Op(place, "copy", (Name(found),)))
                    if found in self.all_temps and found not in self.free and found not in before.values():
                        self.free.append(found)
            sides.append(tuple(self.steps))
            self.steps = outer
        self.results = before | places
        self.steps.append(Branch(test, *sides))

    def let(self, name: str, value: Expr) -> None:
        self.steps.append(Let(name, self.reduced(value)))

    def number(self, value: Expr) -> str:
        """A name for a 0-d expression; reductions in it become steps."""
        value = self.reduced(value)
        if isinstance(value, Name):
            return value.id
        name = self.fresh("part")
        self.types[name] = Type(Stage.ARRAY)
        self.steps.append(Let(name, value))
        return name

    def assign(self, name: str, value: Expr) -> None:
        if name in self.own:
            self.value(value, name)
            return
        if self.results.get(name) in self.all_temps and name in ir.names(value):
            self.value(value, self.results[name])
            return
        found = self.value(value, None)
        if found.id in self.own or found.id not in self.all_temps:
            copy = self.allocate()
            self.steps.append(Op(copy, "copy", (found,)))
            found = Name(copy)
        self.results[name] = found.id

    def register(self, name: str) -> str:
        return self.results.get(name, name)

    # Expressions

    def reduced(self, node: Expr) -> Expr:
        """`node` with each reduction replaced by the name of its result."""
        if node in self.sums:
            return self.sums[node]
        if isinstance(node, Call) and node.function in ("sum", "mean", "max", "norm", "rms"):
            inner = self.value(self.folder.fold(self.reduced(node.args[0])), None)
            name = self.fresh(f"{node.function}_{self.origin(inner.id)}")
            self.types[name] = Type(Stage.ARRAY)
            self.steps.append(Reduce(name, node.function, inner))
            self.release(inner)
            self.sums[node] = Name(name)
            return Name(name)
        return ir.rebuild(node, self.reduced)

    def origin(self, register: str) -> str:
        return next((n for n, r in self.results.items() if r == register), register)

    def value(self, node: Expr, dest: str | None) -> Name:
        """The register that holds `node`; `dest` if given."""
        match node:
            case Name(id=name):
                return self.out("copy", (Name(self.register(name)),), dest) if dest else Name(self.register(name))
            case Binary("+" | "-"):
                return self.sum(node, dest)
            case Unary("-", operand):
                return self.out("neg", (self.value(operand, None),), dest)
            case Binary("*", left, right) if self.is_scalar(left):
                return self.out("mul", (self.value(right, self.inner(dest, right)), self.scalar(left)), dest)
            case Binary("**", base, Number(2)):
                inner = self.value(base, None)
                return self.out("mul", (inner, inner), dest)
            case Binary("**", base, exponent) if self.is_scalar(exponent):
                return self.out("pow", (self.value(base, None), self.scalar(exponent)), dest)
            case Binary(op, left, right):
                names = {"*": "mul", "/": "div", "**": "pow", "&": "and", "|": "or"}
                return self.out(names[op], (self.operand(left), self.operand(right)), dest)
            case Compare(op, left, right):
                return self.out(op, (self.operand(left), self.operand(right)), dest)
            case Unary("~", operand):
                return self.out("not", (self.operand(operand),), dest)
            case Call("lerp", (old, new, weight)):
                return self.lerp(old, new, weight, dest)
            case Call(function, args):
                return self.out(function, tuple(self.operand(a) for a in args), dest)
        raise TypeError(type(node).__name__)

    def inner(self, dest: str | None, node: Expr) -> str | None:
        """Where an intermediate result may go: `dest` itself, unless that would overwrite what is still read."""
        return dest if dest in self.all_temps and not isinstance(node, Name) else None

    def operand(self, node: Expr) -> Expr:
        return self.scalar(node) if self.is_scalar(node) else self.value(node, None)

    def lerp(self, old: Expr, new: Expr, weight: Expr, dest: str | None) -> Name:
        target = self.operand(new)
        base = self.operand(old)
        pinned = [n.id for n in (base,) if isinstance(n, Name) and self.dies(n.id)]
        if "lerp" in self.fused and not self.is_scalar(old) and not self.is_scalar(new):
            return self.out("lerp", (base, target, self.scalar(weight)), dest, first=base)
        self.pinned |= set(pinned)
        change = self.out("sub", (target, base), None)
        change = self.out("mul", (change, self.scalar(weight)), None)
        self.pinned -= set(pinned)
        return self.out("add", (base, change), dest)

    def sum(self, node: Expr, dest: str | None) -> Name:
        found = terms(node)
        # The register that is being updated comes first, so that the others are added to it in place.
        own = next((i for i, (sign, t) in enumerate(found) if sign > 0 and isinstance(t, Name) and t.id == dest), 0)
        if self.is_scalar(found[own][1]) or found[own][0] < 0:
            own = next((i for i, (sign, t) in enumerate(found) if sign > 0 and not self.is_scalar(t)), own)
        first, rest = found[own], found[:own] + found[own + 1 :]
        if first[0] < 0 or self.is_scalar(first[1]):
            # no positive array term: the negation of the sum of the others
            flipped = [(-s, t) for s, t in found]
            total = self.value(_sum_of(flipped), None)
            return self.out("neg", (total,), dest)
        later = {n for _, t in rest for n in ir.names(t)}
        safe = dest is not None and dest not in {self.register(n) for n in later}
        acc = self.value(first[1], None) if isinstance(first[1], Name) else self.value(first[1], dest if safe else None)
        for i, (sign, term) in enumerate(rest):
            last = i == len(rest) - 1
            acc = self.add(acc, sign, term, dest if last or safe else None)
        return acc

    def add(self, acc: Name, sign: int, term: Expr, dest: str | None) -> Name:
        if self.is_scalar(term):
            return self.out("add" if sign > 0 else "sub", (acc, self.scalar(term)), dest, first=acc)
        scale, core = (term.left, term.right) if _scaled(term, self.is_scalar) else (ONE, term)
        signed = scale if sign > 0 else _negative(scale)
        if self.is_host(scale):
            match core:
                case Binary("/", top, bottom) if "addcdiv" in self.fused and not self.is_scalar(top):
                    args = (acc, self.value(top, None), self.value(bottom, None), self.scalar(signed))
                    return self.out("addcdiv", args, dest, first=acc)
                case Binary("*", a, b) if "addcmul" in self.fused and not self.is_scalar(a):
                    args = (acc, self.value(a, None), self.value(b, None), self.scalar(signed))
                    return self.out("addcmul", args, dest, first=acc)
                case Binary("**", a, Number(2)) if "addcmul" in self.fused:
                    inner = self.value(a, None)
                    return self.out("addcmul", (acc, inner, inner, self.scalar(signed)), dest, first=acc)
            if scale != ONE and "add_scaled" in self.fused:
                return self.out("add_scaled", (acc, self.value(core, None), self.scalar(signed)), dest, first=acc)
        value = self.value(core, None) if scale == ONE else self.value(Binary("*", scale, core), None)
        return self.out("add" if sign > 0 else "sub", (acc, value), dest, first=acc)

    # Registers

    def out(self, function: str, args: tuple[Expr, ...], dest: str | None, first: Expr | None = None) -> Name:
        """Emit one operation; its result goes to `dest`, else into a temporary that dies here, else into a new one."""
        dying = [a.id for a in args if isinstance(a, Name) and self.dies(a.id)]
        if dest is None:
            dest = dying[0] if dying else self.allocate()
        self.steps.append(Op(dest, function, args))
        for name in dict.fromkeys(dying):
            if name != dest:
                self.free.append(name)
        return Name(dest)

    def dies(self, register: str) -> bool:
        held = register in self.results.values() or register in self.pinned
        return register in self.all_temps and not held and register not in self.free

    def release(self, register: Name) -> None:
        if self.dies(register.id):
            self.free.append(register.id)

    def allocate(self) -> str:
        if self.free:
            return self.free.pop()
        number = len(self.all_temps) + 1
        name = self.fresh("tmp" if number == 1 else f"tmp{number}")
        self.all_temps.append(name)
        return name

    def scalar(self, node: Expr) -> Expr:
        """A scalar operand: itself if it is short, else the name under which it is computed once per step."""
        simple = isinstance(node, Name | Number) or (isinstance(node, Unary) and isinstance(node.operand, Name | Number))
        short = isinstance(node, Binary) and node.op == "-" and node.left == ONE and isinstance(node.right, Name)
        if simple or short or not self.is_shared(node) or not ir.names(node):
            return node
        if isinstance(node, Unary) and node.op == "-":
            return Unary("-", self.scalar(node.operand))
        if node not in self.named:
            lead = next(n.id for n in ir.walk(node) if isinstance(n, Name))
            name = self.fresh(f"{lead}_t")
            self.named[node] = name
            self.types[name] = Type(Stage.SCALAR)
            self.scalars.append(Assign(name, node))
        return Name(self.named[node])

    def fresh(self, name: str) -> str:
        candidate, number = name, 2
        while candidate in self.taken:
            candidate, number = f"{name}{number}", number + 1
        self.taken.add(candidate)
        return candidate


def _ordered(body: tuple[Stmt, ...]) -> list[str]:
    return [n.name for n in ir.walk(body) if isinstance(n, Assign | Subtract)]


def _scaled(term: Expr, is_scalar: Callable[[Expr], bool]) -> bool:
    return isinstance(term, Binary) and term.op == "*" and is_scalar(term.left)


def _negative(node: Expr) -> Expr:
    if isinstance(node, Number):
        return Number(-node.value)
    return node.operand if isinstance(node, Unary) and node.op == "-" else Unary("-", node)


def _sum_of(found: list[tuple[int, Expr]]) -> Expr:
    positive = [t for s, t in found if s > 0]
    negative = [t for s, t in found if s < 0]
    whole = positive[0]
    for term in positive[1:]:
        whole = Binary("+", whole, term)
    for term in negative:
        whole = Binary("-", whole, term)
    return whole
