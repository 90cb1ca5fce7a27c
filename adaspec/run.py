"""One parameter's way through the statements of one step: the reading of expressions over any array-API namespace."""

from __future__ import annotations

import math
import operator
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any

import array_api_compat
import numpy as np

from . import facts, ir, matrices, noise, scalars
from .complexes import apart, is_complex, together
from .ir import (
    Assert,
    Assign,
    Binary,
    Call,
    Choose,
    Compare,
    Constant,
    Dim,
    Draw,
    Expr,
    For,
    If,
    Index,
    Logical,
    Name,
    Ndim,
    Number,
    Part,
    Shape,
    Size,
    Stmt,
    Transpose,
    Unary,
    When,
)
from .reading import Reading, reading
from .vocabulary import FUNCTIONS

if TYPE_CHECKING:
    from .spec import Spec

Array = Any
Value = Any
"""A Python float or bool, None, or an array."""


def dtype_name(x: Array) -> str:
    # NumPy's own name leaves out the order of bytes.
    return str(getattr(x.dtype, "name", x.dtype)).rpartition(".")[2].rstrip("'>")


Steps = Generator[float, float, None]


def _lockstep(runs: list[Steps]) -> None:
    """Run all to their end; where they yield a number for `total`, each gets the sum over all."""
    if not runs:
        return
    waiting = [next(run, None) for run in runs]
    while waiting[0] is not None:
        whole = float(np.sum(np.asarray(waiting, dtype=np.float64)))
        waiting = [_sent(run, whole) for run in runs]


def _sent(run: Steps, value: float) -> float | None:
    try:
        return run.send(value)
    except StopIteration:
        return None


def _is_number(value: Value) -> bool:
    # np.float64 is a float to isinstance, and an array to us: a 0-d array's arithmetic yields it
    return type(value) in (float, int, bool) or value is None


class Run:
    """The names of one parameter at one step, and what the statements make of them."""

    wide: Any = None
    """The dtype to compute in; None is the namespace's own default."""

    def __init__(
        self,
        spec: Spec,
        path: str,
        x: Array,
        g: Array,
        slots: Mapping[str, Array],
        shared: Mapping[str, float],
        t: tuple[int, int],
        hypers: Mapping[str, Any],
        place: int = 0,
    ) -> None:
        self.spec = spec
        self.path = path
        self.noise = int(hypers.get(noise.SEED) or 0), t[0], place
        self.xp = array_api_compat.array_namespace(x)
        self.complex = {n for n, a in {spec.rule.param: x, **slots}.items() if is_complex(a)}
        x, g, slots = apart(x), apart(g), {n: apart(a) for n, a in slots.items()}
        self.given = {spec.rule.param: x, **slots}
        self.wide = wide = self.xp.float32 if dtype_name(x) in facts.NARROW else x.dtype
        self.env: dict[str, Value] = dict(hypers) | dict(shared)
        self.env[spec.rule.param] = self._widened(x, wide)
        self.env[spec.rule.grad] = self._widened(g, wide)
        for slot in spec.core.slots:
            if slot.name in slots:
                self.env[slot.name] = self._widened(slots[slot.name], wide)
        # A statement that binds a Shared reads the optimizer's step, all others the parameter's own.
        self.model = dict(hypers) | dict(shared)
        if spec.rule.step:
            self.env[spec.rule.step], self.model[spec.rule.step] = float(t[0]), float(t[1])
        self.is_first = t[0] == 1
        self.shared_names = set(spec.shared)
        self.follows = ""
        """Inside a branch where the two steps disagree: whose side this is, the parameter's "own" or the "model"'s."""
        self.settled: dict[str, Value] = {}
        """There, the Shareds as the model's side has left them."""
        self.asked: dict[str, bool | None] = {}

    def first_grads(self) -> None:
        """At the first update, slots that begin with a gradient hold this one."""
        for slot in self.spec.core.slots:
            if self.is_first and slot.init.kind == "first_grad" and slot.name in self.given:
                self.env[slot.name] = self.env[self.spec.rule.grad]

    def supply(self, inputs: Mapping[str, Any]) -> None:
        """The inputs of this step; of an array input, statements of the model may ask whether it is there."""
        for i in self.spec.rule.inputs:
            value = inputs[i.name]
            if i.scalar:
                self.env[i.name] = self.model[i.name] = value
            else:
                self.env[i.name] = None if value is None else self._widened(apart(value[self.path]), self.wide)
                self.asked[i.name] = None if value is None else True

    def _widened(self, a: Array, dtype: Any) -> Array:
        return a if a.dtype == dtype else self.xp.astype(a, dtype)

    # Results

    def param(self) -> Array:
        return self.reading(self.spec.rule.param)

    def slots(self) -> dict[str, Array]:
        return {n: self._whole(n, self.env[n]) for n in self.given if n != self.spec.rule.param}

    def reading(self, name: str) -> Array:
        """The value of a name as the parameter is: of its dtype, and complex if it is."""
        return self._whole(self.spec.rule.param, self.env[name])

    def _whole(self, name: str, value: Value) -> Array:
        """A value as what was given under a name is."""
        value = self._cast(value, self.given[name])
        return together(value) if name in self.complex else value

    def shared(self) -> dict[str, float]:
        return {name: float(self.model[name]) for name in self.spec.shared}

    def _cast(self, value: Value, like: Array) -> Array:
        if _is_number(value):
            return self.xp.full(tuple(like.shape), value, dtype=like.dtype)
        value = self.xp.asarray(value)
        return value if value.dtype == like.dtype else self.xp.astype(value, like.dtype)

    # Statements

    def block(self, body: tuple[Stmt, ...]) -> Steps:
        for stmt in body:
            yield from self.stmt(stmt)

    def stmt(self, stmt: Stmt) -> Steps:
        match stmt:
            case Assign(name, value):
                known = self.spec.readings[value]
                if known.totals:
                    value = yield from self._totals(value)
                    known = reading(value)
                self._bind(name, value, known)
            case When():
                yield from self._when(stmt)
            case If(test, then, otherwise):
                yield from self.block(then if self.expr(test) else otherwise)
            case For(count, body):
                for _ in range(int(self.expr(count))):
                    yield from self.block(body)
            case Assert(test, message):
                if not self.expr(test):
                    shape = tuple(self.given[self.spec.rule.param].shape)
                    raise ValueError(f"{self.spec.name}: {message} (parameter '{self.path}' has shape {shape})")

    def _when(self, stmt: When) -> Steps:
        """A real branch. Where the parameter's own step chooses one side and the optimizer's the other, each has its
        own: what is bound follows the parameter, but for the Shareds."""
        own = bool(self.expr(stmt.test))
        known = ir.names(stmt.test) <= self.model.keys()
        model = bool(scalars.evaluate(stmt.test, self.model)) if known else own
        if self.follows:
            own = model = own if self.follows == "own" else model
        if own == model:
            yield from self.block(stmt.then if own else stmt.otherwise)
            return
        env, before = dict(self.env), dict(self.model)
        self.follows = "model"
        yield from self.block(stmt.then if model else stmt.otherwise)
        after, self.env, self.model = self.model, env, before
        self.follows, self.settled = "own", after
        yield from self.block(stmt.then if own else stmt.otherwise)
        self.follows, self.settled, self.model = "", {}, after
        self.env |= {name: after[name] for name in self.shared_names}

    def _totals(self, value: Expr) -> Generator[float, float, Expr]:
        """`value` with every `total` replaced by its sum over the model, the inner ones first."""
        if not any(isinstance(n, Call) and n.function == "total" for n in ir.walk(value)):
            return value
        new: dict[int, Expr] = {}
        for child in ir.children(value):
            if isinstance(child, Expr):
                new[id(child)] = yield from self._totals(child)
        value = ir.rebuild(value, lambda child: new.get(id(child), child))
        if not (isinstance(value, Call) and value.function == "total"):
            return value
        with np.errstate(all="ignore"):
            part = float(self.expr(value.args[0]))
        name = f"total {len(self.env)}"  # no spec has a name with a blank
        self.env[name] = self.model[name] = yield part
        return Name(name)

    def _bind(self, name: str, value: Expr, known: Reading) -> None:
        scalar = known.scalar and known.names <= self.model.keys()
        if scalar:
            self.model[name] = scalars.evaluate(value, self.asked | self.model if self.asked else self.model)
        if name in self.shared_names:
            self.env[name] = self.settled.get(name, self.model[name])
        else:
            self.env[name] = self.expr(value)
            self.asked.pop(name, None)
            if not scalar:
                self.model.pop(name, None)

    # Expressions

    def expr(self, node: Expr) -> Value:
        with np.errstate(all="ignore"):
            return self._expr(node)

    def _expr(self, node: Expr) -> Value:
        xp = self.xp
        match node:
            case Number(value) | Constant(value):
                return value
            case Name(id=name):
                return self.env[name]
            case Unary(op, operand):
                value = self._expr(operand)
                if op == "-":
                    return -value
                return not value if _is_number(value) else xp.logical_not(value)
            case Binary("@", left, right):
                return xp.matmul(self._expr(left), self._expr(right))
            case Binary(op, left, right):
                return self._binary(op, left, right)
            case Compare("is" | "is not" as op, left, _):
                return (self._expr(left) is None) == (op == "is")
            case Compare(op, left, right):
                a, b = self._expr(left), self._expr(right)
                return _COMPARE[op](a, b)
            case Logical("and", values):
                return all(self._expr(v) for v in values)
            case Logical(values=values):
                return any(self._expr(v) for v in values)
            case Choose(test, then, otherwise):
                return self._expr(then if self._expr(test) else otherwise)
            case Call():
                return self._call(node)
            case Part(operand, index):
                return self._expr(operand)[index]
            case Draw(kind, stream):
                return self._drawn(noise.draw(kind, stream, *self.noise, tuple(self.given[self.spec.rule.param].shape)))
            case Transpose(operand):
                return xp.matrix_transpose(self._expr(operand))
            case Shape(operand):
                return tuple(self._expr(operand).shape)
            case Size(operand):
                return math.prod(self._expr(operand).shape)
            case Ndim(operand):
                return len(self._expr(operand).shape)
            case Dim(operand, axis):
                return int(self._expr(operand).shape[axis])
            case Index(operand, items):
                return self._expr(operand)[tuple({":": slice(None), "...": ...}.get(str(i)) for i in items)]
        raise TypeError(type(node).__name__)

    def _binary(self, op: str, left: Expr, right: Expr) -> Value:
        a, b = self._expr(left), self._expr(right)
        if _is_number(a) and _is_number(b):
            return _number(scalars.BINARY[op](np.float64(a), np.float64(b)))
        if op in "&|":
            a, b = self._array(a), self._array(b)
            return (self.xp.logical_and if op == "&" else self.xp.logical_or)(a, b)
        return _ARITHMETIC[op](a, b)

    def _call(self, node: Call) -> Value:
        xp, name = self.xp, node.function
        args = [self._expr(a) for a in node.args]
        given = node.option("axis")
        axis = None if given is None else int(scalars.evaluate(given, {}) or 0)
        match name, args:
            case (("norm" | "rms"), [a]):
                return xp.sqrt((xp.sum if name == "norm" else xp.mean)(a * a, axis=axis))
            case (("sum" | "mean" | "max"), [a]):
                return getattr(xp, name)(a, axis=axis)
            case (("unfold" | "fold" | "spread"), [a, *_]) if axis is not None:
                return self._moved(name, a, tuple(self.given[self.spec.rule.param].shape), axis)
        if name == "take":
            return matrices.taken(xp, args[0], args[1], -1 if axis is None else axis)
        if FUNCTIONS[name].group in ("matrix", "parts", "order"):
            lower = node.option("lower") == Constant(True)
            rank = node.option("rank")
            return matrices.apply(xp, name, args, lower, 0 if rank is None else int(self._expr(rank)))
        if all(_is_number(a) for a in args):
            return _number(scalars.ELEMENTWISE[name](*(a if isinstance(a, bool) else np.float64(a) for a in args)))
        args = [self._array(a) for a in args]
        match name:
            case "where":
                return xp.where(*args)
            case "clip":
                return xp.minimum(xp.maximum(args[0], args[1]), args[2])
            case "rsqrt":
                return 1.0 / xp.sqrt(args[0])
        return getattr(xp, name)(*args)

    def _drawn(self, numbers: np.ndarray) -> Array:
        like = self.given[self.spec.rule.param]
        return self.xp.asarray(numbers, dtype=self.wide, device=array_api_compat.device(like))

    def _moved(self, name: str, a: Array, shape: tuple[int, ...], axis: int) -> Array:
        """`a` as a matrix with a row for each item along an axis of this shape; such a matrix as the array it was; a
        vector broadcast over the other axes."""
        axis %= len(shape)
        if name == "spread":
            return self.xp.reshape(a, tuple(n if i == axis else 1 for i, n in enumerate(shape)))
        order = (axis, *(i for i in range(len(shape)) if i != axis))
        if name == "unfold":
            return self.xp.reshape(self.xp.permute_dims(a, order), (shape[axis], -1))
        a = self.xp.reshape(a, tuple(shape[i] for i in order))
        return self.xp.permute_dims(a, tuple(order.index(i) for i in range(len(shape))))

    def _array(self, value: Value) -> Value:
        if not _is_number(value):
            return value
        # A truth value stays one; a number takes the dtype of the step, also where every array beside it holds truths.
        return self.xp.asarray(value, dtype=None if isinstance(value, bool) else self.wide)


def _number(value: Any) -> float | bool:
    return bool(value) if isinstance(value, bool | np.bool_) else float(value)


_ARITHMETIC = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "**": operator.pow,
}  # fmt: skip
_COMPARE = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
