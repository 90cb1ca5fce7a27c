"""The meaning of a spec: an obvious reading of its statements, pure, over any array-API namespace.

Every backend is judged against this module, and this module against mpmath. It reads the expanded body, with scalars in
their accurate forms (float64, IEEE), one parameter after the other; `total` is the one place where they wait for each
other.
"""

from __future__ import annotations

import operator
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import array_api_compat
import numpy as np

from . import facts, ir, scalars, tree
from .ir import Assert, Assign, Binary, Call, Choose, Compare, Constant, Dim, Expr, For, If, Index, Logical, Name, Ndim
from .ir import Number, Stmt, Transpose, Unary
from .vocabulary import KINDS

if TYPE_CHECKING:
    from .spec import Spec

Array = Any
Tree = Any
Value = Any
"""A Python float or bool, None, or an array."""


@dataclass(frozen=True)
class State:
    """What an optimizer remembers. `step` counts its updates, `steps` those of each parameter; slots are by path and name."""

    step: int = 0
    steps: Mapping[str, int] = field(default_factory=dict)
    slots: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    shared: Mapping[str, float] = field(default_factory=dict)


class Interpreter:
    """A spec as two pure functions, `init` and `step`, and its views."""

    def __init__(self, spec: Spec, /, **hypers: Any) -> None:
        self.spec = spec
        self.hypers = self._hypers(hypers, {h.name: h.default for h in spec.rule.hypers})

    def init(self, params: Tree) -> State:
        """The state before the first step. `params`: a tree of floating arrays of any shapes."""
        slots = {}
        for path, x in tree.leaves(params).items():
            slots[path] = self._slots(path, x)
        return State(0, dict.fromkeys(slots, 0), slots, {s.name: s.initial for s in self.spec.rule.shared})

    def step(self, params: Tree, grads: Tree, state: State, /, **hypers: Any) -> tuple[Tree, State]:
        """One update. `grads` has the shape of `params`; a gradient of None leaves its parameter and slots alone.

        Returns new parameters and a new state; nothing that is passed in is changed. Extra keywords are hyperparameters
        for this step, for instance a scheduled `lr`.
        """
        given = self._hypers(hypers, self.hypers)
        xs, gs = tree.leaves(params), tree.leaves(grads)
        if xs.keys() != gs.keys():
            odd = sorted(xs.keys() ^ gs.keys())[0]
            raise ValueError(f"params and grads differ: '{odd}' is in one of them alone")
        now = state.step + 1
        runs: dict[str, Run] = {}
        for path, x in xs.items():
            if gs[path] is not None and x.size != 0:
                t = state.steps[path] + 1
                runs[path] = Run(self.spec, path, x, gs[path], state.slots[path], state.shared, (t, now), given)
        _lockstep([run.block(self.spec.statements) for run in runs.values()])
        counted = [path for path in xs if gs[path] is not None]
        shared = next(iter(runs.values())).shared() if runs else dict(state.shared)
        slots = {path: run.slots() for path, run in runs.items()}
        new = State(
            now,
            {path: count + (path in counted) for path, count in state.steps.items()},
            {path: slots.get(path, old) for path, old in state.slots.items()},
            shared,
        )
        return tree.rebuild(params, lambda path, x: runs[path].param() if path in runs else x), new

    def view(self, name: str, params: Tree, state: State, /, **hypers: Any) -> Tree:
        """Another reading of the parameters, such as "eval"; a tree like `params`."""
        given = self._hypers(hypers, self.hypers)
        statements, value = self.spec.view(name)

        def one(path: str, x: Array) -> Array:
            if x.size == 0:
                return x
            run = Run(self.spec, path, x, x, state.slots[path], state.shared, (state.steps[path], state.step), given)
            _lockstep([run.block(statements)])
            return run.cast(run.expr(value), x)

        return tree.rebuild(params, one)

    def _slots(self, path: str, x: Array) -> dict[str, Array]:
        xp = array_api_compat.array_namespace(x)
        if not xp.isdtype(x.dtype, "real floating") and dtype_name(x) not in facts.NARROW:
            raise TypeError(f"parameter '{path}' is {x.dtype}: parameters are real floating arrays")
        shape = tuple(x.shape)
        self.spec.check_shape(shape, path, self.hypers)
        found = {}
        for name, slot in self.spec.state(shape, dtype_name(x), **self.hypers).items():
            dtype = x.dtype if slot.dtype == dtype_name(x) else getattr(xp, slot.dtype)
            if slot.init.kind == "copy":
                found[name] = xp.asarray(xp.astype(x, dtype), copy=True)
            else:
                found[name] = xp.full(slot.shape, slot.init.value, dtype=dtype, device=array_api_compat.device(x))
        return found

    def _hypers(self, given: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
        known = self.spec.hypers
        values = dict(base)
        for name, value in given.items():
            if name not in known:
                raise TypeError(f"{self.spec.name} has no hyperparameter '{name}': it has {', '.join(known) or 'none'}")
            values[name] = checked(known[name], value)
        return values


def checked(hyper: ir.Hyper, value: Any) -> Any:
    """`value` as a plain number, truth value or None; ValueError outside the domain, TypeError for anything else."""
    if value is None and hyper.optional:
        return None
    if hyper.kind == "Flag":
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"Invalid {hyper.name}: {value!r} is not True or False")
        return bool(value)
    if isinstance(value, str) or value is None:
        raise TypeError(f"Invalid {hyper.name}: {value!r} is not a number")
    number = int(value) if hyper.kind == "Count" and int(value) == value else float(value)
    if not KINDS[hyper.kind].holds(number):
        raise ValueError(f"Invalid {hyper.name}: {value}, must be in {KINDS[hyper.kind].text}")
    return number


def dtype_name(x: Array) -> str:
    return str(x.dtype).rpartition(".")[2].rstrip("'>")


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
    """One parameter's way through the statements of one step."""

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
    ) -> None:
        self.spec = spec
        self.path = path
        self.xp = array_api_compat.array_namespace(x)
        self.given = {spec.rule.param: x, **slots}
        wide = self.xp.float32 if dtype_name(x) in facts.NARROW else x.dtype
        self.env: dict[str, Value] = dict(hypers) | dict(shared)
        self.env[spec.rule.param] = self._widened(x, wide)
        self.env[spec.rule.grad] = self._widened(g, wide)
        for slot in spec.rule.slots:
            if slot.name in slots:
                first = slot.init.kind == "first_grad" and t[0] == 1
                self.env[slot.name] = self.env[spec.rule.grad] if first else self._widened(slots[slot.name], wide)
        # A statement that binds a Shared reads the optimizer's step, all others the parameter's own.
        self.model = dict(hypers) | dict(shared)
        if spec.rule.step:
            self.env[spec.rule.step], self.model[spec.rule.step] = float(t[0]), float(t[1])
        self.shared_names = set(spec.shared)

    def _widened(self, a: Array, dtype: Any) -> Array:
        return a if a.dtype == dtype else self.xp.astype(a, dtype)

    # Results

    def param(self) -> Array:
        return self.cast(self.env[self.spec.rule.param], self.given[self.spec.rule.param])

    def slots(self) -> dict[str, Array]:
        return {n: self.cast(self.env[n], old) for n, old in self.given.items() if n != self.spec.rule.param}

    def shared(self) -> dict[str, float]:
        return {name: float(self.model[name]) for name in self.shared_names}

    def cast(self, value: Value, like: Array) -> Array:
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
                value = yield from self._totals(value)
                self._bind(name, value)
            case If(test, then, otherwise):
                yield from self.block(then if self.expr(test) else otherwise)
            case For(count, body):
                for _ in range(int(self.expr(count))):
                    yield from self.block(body)
            case Assert(test, message):
                if not self.expr(test):
                    shape = tuple(self.given[self.spec.rule.param].shape)
                    raise ValueError(f"{self.spec.name}: {message} (parameter '{self.path}' has shape {shape})")

    def _totals(self, value: Expr) -> Generator[float, float, Expr]:
        """`value` with every `total` replaced by its sum over the model."""
        for node in [n for n in ir.walk(value) if isinstance(n, Call) and n.function == "total"]:
            with np.errstate(all="ignore"):
                part = float(self.expr(node.args[0]))
            whole = yield part
            name = f"total {id(node)}"
            self.env[name] = self.model[name] = whole
            value = _replaced(value, node, Name(name))
        return value

    def _bind(self, name: str, value: Expr) -> None:
        self.env.pop(name, None) if name not in ir.names(value) else None
        scalar = ir.names(value) <= self.model.keys() and not any(
            isinstance(n, Dim | Ndim | Index | Transpose) for n in ir.walk(value)
        )
        if scalar:
            self.model[name] = scalars.evaluate(value, self.model)
        if name in self.shared_names:
            self.env[name] = self.model[name]
        else:
            self.env[name] = self.expr(value)
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
                return {"-": operator.neg, "~": xp.logical_not, "not": operator.not_}[op](value)
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
            case Transpose(operand):
                return xp.matrix_transpose(self._expr(operand))
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
            a, b = self._array(a, b), self._array(b, a)
            return (self.xp.logical_and if op == "&" else self.xp.logical_or)(a, b)
        return _ARITHMETIC[op](a, b)

    def _call(self, node: Call) -> Value:
        xp, name = self.xp, node.function
        args = [self._expr(a) for a in node.args]
        axis = None if node.option("axis") is None else int(scalars.evaluate(node.option("axis"), {}) or 0)  # type: ignore[arg-type]
        match name, args:
            case (("norm" | "rms"), [a]):
                return xp.sqrt((xp.sum if name == "norm" else xp.mean)(a * a, axis=axis))
            case (("sum" | "mean" | "max"), [a]):
                return getattr(xp, name)(a, axis=axis)
        if all(_is_number(a) for a in args):
            return _number(scalars.ELEMENTWISE[name](*(a if isinstance(a, bool) else np.float64(a) for a in args)))
        like = next(a for a in args[::-1] if not _is_number(a))
        args = [self._array(a, like) for a in args]
        match name:
            case "where":
                return xp.where(*args)
            case "clip":
                return xp.minimum(xp.maximum(args[0], args[1]), args[2])
            case "rsqrt":
                return 1.0 / xp.sqrt(args[0])
        return getattr(xp, name)(*args)

    def _array(self, value: Value, like: Value) -> Value:
        if not _is_number(value):
            return value
        return self.xp.asarray(value, dtype=None if isinstance(value, bool) else like.dtype)


def _number(value: Any) -> float | bool:
    return bool(value) if isinstance(value, bool | np.bool_) else float(value)


def _replaced(node: Expr, old: Expr, new: Expr) -> Expr:
    return new if node is old else ir.rebuild(node, lambda child: _replaced(child, old, new))


_ARITHMETIC = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "**": operator.pow,
}  # fmt: skip
_COMPARE = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip

__all__ = ["Interpreter", "State", "checked", "replace"]
