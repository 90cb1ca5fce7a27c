"""How a body becomes in-place operations: which variable each result goes to, and when an array may be overwritten."""

from __future__ import annotations

from collections import Counter

from . import ir
from .inplace import Branch, Item, Loop, Op
from .ir import Assign, Binary, Call, Expr, For, If, Name, Number, Stmt, Unary, When
from .kinds import FULL, SCALAR, SMALL, Kinds
from .lower import Lowered, Subtract
from .scale import Scaled, Scaler
from .sharing import bound, inlined, live_before, reads, shared_parts
from .types import Type
from .vocabulary import FUNCTIONS


class Planner(Kinds):
    def __init__(self, lowered: Lowered, types: dict[str, Type], fused: frozenset[str], taken: set[str]) -> None:
        super().__init__(dict(types))
        self.fused = fused
        self.taken = taken
        self.param = lowered.rule.param
        self.state = {self.param, *(s.name for s in lowered.rule.slots)}
        self.scaler = Scaler(lambda e: self.kind(e) == SCALAR, self.has_factor, lowered.intervals)
        self.names = [n for n in (*"abcdefghijklmnopqrstuvwxyz", *(f"tmp{i}" for i in range(1000))) if n not in taken]
        self.busy: dict[str, str] = {}  # variable -> the buffer it holds
        self.owned: set[str] = set()  # variables whose array is private to this run of the body
        self.depth = 0
        self.lent: tuple[str, ...] = ()
        self.remaining: Counter[str] = Counter()
        self.live: set[str] = set()
        self.target: str | None = None
        self.out: list[Item] = []

    # Statements

    def block(self, body: tuple[Stmt, ...], live_out: set[str], later: set[str]) -> tuple[Item, ...]:
        """`live_out`: names read behind this block; `later`: names bound behind it."""
        body = tuple(ir.rebuild(stmt, self.normal) for stmt in body)
        body = inlined(body, live_out, lambda e: self.kind(e) in (FULL, SMALL) and self.is_simple(e), self.state)
        body = shared_parts(body, self.kind, self.types, self.taken)
        outer, self.out = self.out, []
        after = [set(live_out)]
        for stmt in reversed(body):
            after.append(live_before(stmt, after[-1]))
        after.reverse()
        for i, stmt in enumerate(body):
            self.stmt(stmt, after[i + 1], later | set(ir.assigned(body[i + 1 :])) | bound(body[i + 1 :]))
            self.release(after[i + 1])
        items, self.out = tuple(self.out), outer
        return items

    def stmt(self, stmt: Stmt, live: set[str], later: set[str]) -> None:
        match stmt:
            case If(test, then, otherwise):
                before = set(self.owned)
                self.depth += 1
                sides, kept = [], []
                for side in (then, otherwise):
                    self.owned = set(before)
                    sides.append(self.block(side, live, later))
                    kept.append(self.owned)
                self.depth -= 1
                self.owned = kept[0] & kept[1]
                self.out.append(Branch(test, sides[0], sides[1], isinstance(stmt, When)))
            case For(count, inner):
                before, self.owned = self.owned, set()
                self.depth += 1
                names = set(ir.assigned(inner))
                items = self.block(inner, live | reads(inner), later | names)
                self.depth -= 1
                self.owned = before - names
                self.out.append(Loop(count, items))
            case Subtract(name, value):
                self.begin(value, live, None, name)
                self.subtract(name, self.scaler.scaled(value) if self.is_elementwise(value) else Scaled(value))
            case Assign(name, value):
                self.assign(name, value, live, later)

    def assign(self, name: str, value: Expr, live: set[str], later: set[str]) -> None:
        state = name in self.state
        if isinstance(value, Name) and not state:
            self.alias(name, value.id, live, later)
        elif self.is_elementwise(value):
            whole = self.normal(self.scaler.tidy(value))
            self.begin(whole, live, name)
            self.op(whole, name)
        else:
            self.begin(value, live, name)
            match value:
                case Call("lerp", (Name(id=old), new, weight)) if state and old == name and "lerp" in self.fused:
                    self.write(name, "lerp", (Name(old), self.prepared(new), weight), self.kind(value))
                case _ if state:
                    self.write(name, "copy", (self.prepared(value),), self.kind(Name(name)))
                case _:
                    self.express(name, self.prepared(value), later)

    def express(self, name: str, value: Expr, later: set[str]) -> None:
        kind = self.kind(value)
        view = kind != SCALAR and self.is_view(value)
        bases = ir.names(value) if view else set()
        if bases & self.state & later:
            value, view = Call("copy", (value,)), False
        self.emit(Op(name, "expr", (value,), True, kind))
        self.owned -= bases
        for base in bases & self.busy.keys():
            self.busy[name] = self.busy[base]  # a view keeps the buffer from being lent again
        (self.owned.discard if view or kind != FULL else self.owned.add)(name)

    def alias(self, name: str, source: str, live: set[str], later: set[str]) -> None:
        self.begin(Name(source), live, name)
        if source in self.state and source in later:
            self.op(Call("copy", (Name(source),)), name)
            return
        self.emit(Op(name, "expr", (Name(source),), True, self.kind(Name(source))))
        mine = source in self.owned and source not in live
        self.owned.discard(source)
        (self.owned.add if mine else self.owned.discard)(name)
        if source in self.busy:
            self.busy[name] = self.busy[source]

    def subtract(self, name: str, value: Scaled) -> None:
        """`name -= value`, its factor folded into the last operation."""
        factor, x = value.factor(), Name(name)
        minus = Scaled(value.core, value.over, value.under, -value.sign).factor()
        match value.core:
            case Binary("/" | "*" as op, a, b) if self.kind(a) != SCALAR and self.is_elementwise(value.core):
                function = "addcdiv" if op == "/" else "addcmul"
                if function in self.fused:
                    if op == "*" and self.kind(a) != FULL:
                        a, b = b, a
                    self.write(name, function, (x, self.operand(a), self.operand(b), minus), FULL)
                    return
        if value.plain or "axpy" not in self.fused:
            whole = value.core if factor == Number(1) else Binary("*", value.core, factor)
            self.write(name, "sub", (x, self.operand(self.normal(whole))), FULL)
        else:
            self.write(name, "axpy", (x, self.operand(value.core), minus), FULL)

    # Expressions

    def begin(self, value: Expr, live: set[str], target: str | None, param: str | None = None) -> None:
        """What the statement reads is counted down as it is used; what it binds loses its old value."""
        whole = self.normal(self.scaler.tidy(value)) if self.is_elementwise(value) else value
        self.remaining = Counter(n.id for n in ir.walk(whole) if isinstance(n, Name))
        if param:
            self.remaining[param] += 1
        self.live = live
        self.target = target

    def normal(self, node: Expr) -> Expr:
        """`node` without the fused operations that the target lacks."""
        node = ir.rebuild(node, self.normal)
        match node:
            case Call("axpy", (a, b, k)) if "axpy" not in self.fused or self.kind(b) != FULL:
                return Binary("+", a, Binary("*", b, k))
            case Call("lerp", (a, b, w)) if "lerp" not in self.fused and self.kind(node) == FULL:
                return Binary("+", a, Binary("*", Binary("-", b, a), w))
            case Call("lerp", (a, b, w)) if self.kind(b) == SCALAR:
                return Binary("+", a, Binary("*", Binary("-", b, a), w))
        return node

    def operand(self, node: Expr, hint: str | None = None) -> Expr:
        """`node` as an argument: a variable, a scalar, or an expression to print. `hint`: a name that it may take."""
        if isinstance(node, Name) or self.kind(node) == SCALAR:
            return node
        if self.is_elementwise(node):
            return Name(self.op(node, None, hint))
        node = self.prepared(node)
        if self.kind(node) != FULL:
            return node
        if self.is_view(node) and self.target not in ir.names(node):
            # It shows another array, so neither is overwritten, and no buffer is ever called by its name.
            name = next(n for n in self.names if n not in {*self.lent, *self.busy, *self.busy.values()})
            self.names.remove(name)
            self.types[name] = self.types[self.param]
            self.owned -= {name, *ir.names(node)}
        else:
            name = self.new_name()
            self.owned.add(name)
            if self.is_view(node):  # of what the statement is about to overwrite
                node = Call("copy", (node,))
        self.emit(Op(name, "expr", (node,), True, FULL))
        if self.is_view(node) and self.target in ir.names(node) & self.state:
            return Name(self.write(None, "copy", (Name(name),), FULL))  # the statement overwrites what it shows
        return Name(name)

    def prepared(self, node: Expr) -> Expr:
        """`node` with the elementwise arguments of its whole-array reductions computed into variables."""
        if isinstance(node, Call) and node.function in FUNCTIONS and FUNCTIONS[node.function].group == "reduction":
            (a,) = node.args
            if not node.options and self.is_elementwise(a):
                return Call(node.function, (Name(self.op(self.normal(self.scaler.tidy(a)), None)),))
            return node
        return ir.rebuild(node, self.prepared)

    def op(self, node: Expr, out: str | None, hint: str | None = None) -> str:
        """Compute an elementwise expression; into `out` if given."""
        hint = hint if out is None else None if out in self.state else out
        match node:
            case Name(id=name) if out is None:
                return name
            case Name():
                return self.write(out, "copy", (node,), FULL)
            case Unary("-", operand):
                return self.write(out, "neg", (self.operand(operand, hint),), FULL, hint)
            case Call("axpy", (a, Call("square", (b,)), k)) if "addcmul" in self.fused:
                a, b = self.operand(a, hint), self.operand(b)
                self.remaining.update({b.id: 1} if isinstance(b, Name) else {})
                return self.write(out, "addcmul", (a, b, b, k), FULL, hint)
            case Call("axpy", (a, Binary("*" | "/" as op, b, c), k)) if self.product(op, b, c):
                name = "addcmul" if op == "*" else "addcdiv"
                args = self.operand(a, hint), self.operand(b), self.operand(c)
                return self.write(out, name, (*args, k), FULL, hint)
            case Binary(op, left, right):
                word = {"+": "add", "-": "sub", "*": "mul", "/": "div", "**": "pow"}[op]
                first = self.operand(left, hint)
                args = first, self.operand(right, hint if first == left else None)
                return self.write(out, word, args, FULL, hint)
            case Call(function, (first, *rest)):
                args = self.operand(first, hint), *(self.operand(a) for a in rest)
                return self.write(out, function, args, FULL, hint)
        return self.write(out, "expr", (self.prepared(node),), FULL, hint)

    def product(self, op: str, b: Expr, c: Expr) -> bool:
        return ("addcmul" if op == "*" else "addcdiv") in self.fused and {self.kind(b), self.kind(c)} == {FULL}

    def write(self, out: str | None, function: str, args: tuple[Expr, ...], kind: str, hint: str | None = None) -> str:
        """Emit one operation; where `out` is not given, into an operand that is not needed again, or a fresh array."""
        for arg in args:
            self.remaining.subtract(n.id for n in ir.walk(arg) if isinstance(n, Name))
        dying = [a.id for a in args if isinstance(a, Name) and self.kind(a) == FULL and self.is_dying(a.id)]
        if out is None and dying:
            out = dying[0]
        if out in self.state or out in dying:
            self.emit(Op(str(out), function, args, False, kind))
            self.free([d for d in dying if d != out])
            return str(out)
        self.free(dying)
        if hint and self.remaining[hint] > 0:
            hint = None
        name = out or hint or self.new_name()
        self.emit(Op(name, function, args, True, kind, self.buffer(name) if kind == FULL else None))
        self.owned.add(name)
        return name

    def is_dying(self, name: str) -> bool:
        """Whether the array in this variable is private, or about to be replaced, and nothing reads it again."""
        if self.remaining[name] > 0:
            return False
        if name in self.state:
            return name == self.target
        return name in self.owned and (name == self.target or name not in self.live)

    def emit(self, op: Op) -> None:
        self.out.append(op)

    # Names and buffers

    def new_name(self) -> str:
        held = set(self.busy.values()) | set(self.busy)
        name = next(n for n in self.names if n not in held)
        self.busy[name] = name
        self.types[name] = self.types[self.param]
        return name

    def buffer(self, name: str) -> str | None:
        others = {b for n, b in self.busy.items() if n != name}
        if self.busy.get(name, "") in (others | {""}):
            held = others | set(self.busy)
            self.busy[name] = next(n for n in self.names if n not in held)
        if self.depth:
            return None
        if self.busy[name] not in self.lent:
            self.lent = (*self.lent, self.busy[name])
        return self.busy[name]

    def free(self, names: list[str]) -> None:
        for name in names:
            self.busy.pop(name, None)

    def release(self, live: set[str]) -> None:
        """After a statement: temporaries and locals that nothing reads any more give their buffers back."""
        for name in list(self.busy):
            if name not in live:
                del self.busy[name]
