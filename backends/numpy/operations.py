"""The operations of one walk as lines: which variable holds what, and the `np` call for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from adaspec import ir
from adaspec.inplace import Branch, Item, Loop, Op, Plan
from adaspec.ir import Binary, Call, Expr, Name, Number, Unary
from adaspec.printer import PRECEDENCE
from adaspec.streams.names import Names
from adaspec.streams.units import shows_other
from adaspec.streams.walk import Reduction

from .printers import ArrayPrinter, NumberPrinter

INPLACE = {"add": "+=", "sub": "-=", "mul": "*=", "div": "/="}
CALLS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "div": "divide", "pow": "power", "neg": "negative",
}  # fmt: skip

Hoist = Callable[[str, Expr], str]
"""Takes the text of a number and its expression, and gives the name that it has in front of the loops."""


class Operations:
    """`sums` are the reductions of the walk by name."""

    def __init__(
        self, names: Names, host: NumberPrinter, made: Plan, sums: Mapping[str, Reduction], hoist: Hoist
    ) -> None:
        names.taken |= set(made.scratch)
        self.names = names
        self.host = host
        self.sums = sums
        self.hoist = hoist
        self.scratch = set(made.scratch)
        self.held: dict[str, str] = {}
        """The variable under which a local's array is found, where that is not its own name."""
        self.spare: dict[str, str] = {}
        self.depth = 0
        self.arrays = ArrayPrinter(host, made.types, self.held)

    def items(self, items: tuple[Item, ...]) -> list[str]:
        lines: list[str] = []
        for item in items:
            match item:
                case Op():
                    lines += self.op(item)
                case Branch(test, then, otherwise):
                    lines += self.settled((*then, *otherwise))
                    sides = [self.nested(s) for s in (then, otherwise)]
                    if sides[0]:
                        lines += [f"if {self.host.text(test)}:", *sides[0]]
                        lines += ["else:", *sides[1]] if sides[1] else []
                    elif sides[1]:
                        lines += [f"if not ({self.host.text(test)}):", *sides[1]]
                case Loop(count, body):
                    lines += self.settled(body)
                    steps = self.nested(body)
                    lines += [f"for _ in range({self.host.text(count)}):", *steps] if steps else []
        return lines

    def nested(self, items: tuple[Item, ...]) -> list[str]:
        self.depth += 1
        lines = [f"    {line}" for line in self.items(items)]
        self.depth -= 1
        for name, spare in self.spare.items():
            if self.held.get(name) == spare:
                del self.held[name]
        return lines

    def settled(self, items: tuple[Item, ...]) -> list[str]:
        """What a branch or loop binds anew is found under its own name behind it, whichever way is taken."""
        bound = list(dict.fromkeys(_rebound(items)))
        return self.moved([n for n in bound if n in self.held], bound)

    def parted(self, name: str) -> list[str]:
        """The variable of `name` is about to get another array: whatever else is found there moves to its own."""
        return self.moved([], [name])

    def moved(self, names: list[str], bound: list[str]) -> list[str]:
        """`names`, and what is found under a variable of `bound` or under one that is moved to, each under its own."""
        found: dict[str, str] = {}
        names, freed = [n for n in names if self.held[n] != self.names[n]], list(bound)
        while names or freed:
            for name in names:
                found[name] = self.held.pop(name)
            texts, freed = {self.names[n] for n in [*names, *freed]}, []
            names = [n for n, text in self.held.items() if text in texts and text != self.names[n]]
        moves = {self.names[n]: self.lasting(text) for n, text in found.items()}
        if moves.keys() & moves.values():  # they change places
            return [f"{', '.join(moves)} = {', '.join(moves.values())}"]
        return [f"{name} = {text}" for name, text in moves.items()]

    def lasting(self, text: str) -> str:
        """An array that keeps its value however the buffers are used behind a branch."""
        return f"{text}.copy()" if text in self.scratch or text in self.spare.values() else text

    # Operands

    def register(self, name: str) -> str:
        return self.held.get(name) or self.names[name]

    def arg(self, node: Expr) -> str:
        """An operand: an array's name, or a number, which is computed before the loops if it is more than a name."""
        if isinstance(node, Name):
            return self.register(node.id)
        if not self.arrays.on_host(node):
            return self.arrays.text(node)
        bare = node.operand if isinstance(node, Unary) and node.op == "-" else node
        simple = isinstance(bare, Name | Number)
        if isinstance(bare, Binary) and bare.op in "+-*":
            simple = all(isinstance(n, Name | Number) for n in (bare.left, bare.right))
        if simple or self.depth or not ir.names(node):
            return self.host.text(node)
        return f"{'' if bare is node else '-'}{self.hoist(self.host.text(bare), bare)}"

    # Operations

    def op(self, op: Op) -> list[str]:
        if op.out in self.sums:
            return self.accumulate(op)
        if op.function == "expr":
            return self.bind(op)
        args = [self.arg(a) for a in op.args]
        if op.fresh and op.scratch is None:
            return self.fresh(op, args)
        if op.fresh:
            self.held[op.out] = str(op.scratch)
        return self.write(op, self.register(op.out), args)

    def bind(self, op: Op) -> list[str]:
        """A name for an array that is there, for an expression of no operation in place, or for a number."""
        (value,) = op.args
        if isinstance(value, Call) and value.function == "copy":  # what shows another array is copied anyway
            (value,) = value.args
            text = self.arrays.copy(value)
            return [*self.parted(op.out), f"{self.variable(op.out)} = {text}"]
        alias = isinstance(value, Name)
        # An array chosen among others may be written to, as one that is computed.
        text = self.arrays.copy(value) if shows_other(value) and not alias else self.arrays.text(value)
        if alias and not self.depth:
            self.held[op.out] = text
            return []
        parted = self.parted(op.out)
        name = self.variable(op.out)
        return [*parted, f"{name} = {self.lasting(text)}"] if text != name else []

    def variable(self, name: str) -> str:
        """The variable that a name is bound to from now on; in a branch not a buffer's, where another value may lie."""
        self.held.pop(name, None)
        if not self.depth or name not in self.scratch:
            return self.names[name]
        if name not in self.spare:
            self.spare[name] = self.names.fresh(name)
        self.held[name] = self.spare[name]
        return self.spare[name]

    def fresh(self, op: Op, args: list[str]) -> list[str]:
        """Inside a branch an operation makes an array of its own, since it may not be the one that runs."""
        parted = self.parted(op.out)
        name = self.variable(op.out)
        match op.function:
            case "copy":
                text = f"{args[0]}.copy()"
            case "clip":
                text = f"np.minimum(np.maximum({args[0]}, {args[1]}), {args[2]})"
            case "rsqrt":
                text = f"1.0 / np.sqrt({args[0]})"
            case "square":
                text = f"np.square({args[0]})"
            case function:
                text = f"np.{CALLS.get(function, function)}({', '.join(args)})"
        return [*parted, f"{name} = {text}"]

    def write(self, op: Op, dest: str, args: list[str]) -> list[str]:
        same = args[0] == dest
        match op.function:
            case "copy":
                return [f"{dest}[...] = {args[0]}"]
            case "add" if not same and args[1] == dest:
                return [f"{dest} += {args[0]}"]
            case "mul" if not same and args[1] == dest:
                return [f"{dest} *= {args[0]}"]
            case name if name in INPLACE and same:
                return [f"{dest} {INPLACE[name]} {args[1]}"]
            case "clip":
                return [f"np.maximum({args[0]}, {args[1]}, out={dest})", f"np.minimum({dest}, {args[2]}, out={dest})"]
            case "rsqrt":
                return [f"np.sqrt({args[0]}, out={dest})", f"np.divide(1.0, {dest}, out={dest})"]
            case "square":
                return [f"np.multiply({args[0]}, {args[0]}, out={dest})"]
        name = CALLS.get(op.function, op.function)
        return [f"np.{name}({', '.join(args)}, out={dest})"]

    # Reductions

    def accumulate(self, op: Op) -> list[str]:
        (call,) = op.args
        assert isinstance(call, Call)
        function, axis = self.sums[op.out].function, self.sums[op.out].axis
        name = self.names[op.out]
        value = self.arrays.text(call.args[0], PRECEDENCE["atom"])
        if axis is None:
            return [
                f"{name} = np.maximum({name}, {value}.max())"
                if function == "max"
                else f"{name} += float({value}.sum())"
            ]
        name = self.sums[op.out].piece
        if function == "max":
            return [f"np.maximum({name}, {value}.max(axis={axis}, keepdims=True), out={name})"]
        return [f"{name} += {value}.sum(axis={axis}, keepdims=True)"]


def _rebound(items: tuple[Item, ...]) -> list[str]:
    """The names that get another array under `items`."""
    found: list[str] = []
    for item in items:
        match item:
            case Op(out=out, fresh=fresh):
                found += [out] if fresh else []
            case Branch(_, then, otherwise):
                found += _rebound(then) + _rebound(otherwise)
            case Loop(_, body):
                found += _rebound(body)
    return found
