"""Binding times and shapes: when each value is known, and how its axes stand to the parameter's.

One analysis, used by the checker and every emitter. A `Stage` is the set of things that a value depends on: nothing or
flags (static), the array's shape (static per array), hyperparameters and t (once per step), a total (once per step, after
a pass over the model), the array's data (a 0-d value per array, or an array). Axes are counted from the end and labelled
by the parameter's own: `row` of shape (…, -2), `col` of shape (…, -1).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntFlag

from . import ir
from .errors import SpecError
from .ir import Binary, Call, Choose, Compare, Constant, Dim, Expr, Index, Logical, Name, Ndim, Number, Transpose, Unary
from .vocabulary import FUNCTIONS


class Stage(IntFlag):
    STATIC = 0
    SHAPE = 1
    SCALAR = 2
    TOTAL = 4
    ARRAY = 8

    @property
    def static(self) -> bool:
        """Known when the optimizer meets the array: flags, counts, shapes, None-ness."""
        return not self & ~Stage.SHAPE

    @property
    def host(self) -> bool:
        """A number that the host can compute: no array data and no total enters it."""
        return not self & (Stage.TOTAL | Stage.ARRAY)

    @property
    def shared(self) -> bool:
        """One value for the whole model: no shape and no array data enters it."""
        return not self & (Stage.SHAPE | Stage.ARRAY)


Axis = int | str
"""An axis of the parameter (negative), 1 for a new axis, or "?…" for one that two branches disagree on."""

FULL: tuple[Axis, ...] = ("...", -4, -3, -2, -1)
"""The parameter's own axes; the lead stands for all in front of the fourth from the end."""


@dataclass(frozen=True)
class Type:
    """What is known of a value: its stage, its axes (`()` for a number), whether it is a truth value or may be None."""

    stage: Stage
    dims: tuple[Axis, ...] = ()
    truth: bool = False
    optional: bool = False

    @property
    def is_array(self) -> bool:
        return self.dims != ()

    @property
    def is_full(self) -> bool:
        return self.dims == FULL


Env = dict[str, Type]


def without(dims: tuple[Axis, ...], axis: int) -> tuple[Axis, ...]:
    """`dims` with one axis (negative) taken out."""
    place = len(dims) + axis
    return dims if place <= 0 else dims[:place] + dims[place + 1 :]


def signature(rule: ir.Rule) -> Env:
    """The types of the rule's own names, before its first statement."""
    env: Env = {rule.param: Type(Stage.ARRAY, FULL), rule.grad: Type(Stage.ARRAY, FULL)}
    if rule.step:
        env[rule.step] = Type(Stage.SCALAR)
    for slot in rule.slots:
        env[slot.name] = slot_type(slot)
    for shared in rule.shared:
        env[shared.name] = Type(Stage.SCALAR)
    for hyper in rule.hypers:
        stage = Stage.STATIC if hyper.static else Stage.SCALAR
        env[hyper.name] = Type(stage, truth=hyper.kind == "Flag", optional=hyper.optional)
    return env


def slot_type(slot: ir.Slot) -> Type:
    if slot.init.scalar:
        return Type(Stage.ARRAY)
    dims = FULL if slot.init.without is None else without(FULL, slot.init.without)
    return Type(Stage.ARRAY, dims)


def typeof(node: Expr, env: Env) -> Type:
    """The type of an expression; a SpecError at the node that has none."""
    match node:
        case Number():
            return Type(Stage.STATIC)
        case Constant(value):
            return Type(Stage.STATIC, truth=value is not None, optional=value is None)
        case Name(id=name):
            if name not in env:
                raise SpecError(f"'{name}' is not bound on every path that leads here", node, "bind it in both branches")
            return env[name]
        case Ndim() | Dim():
            if not typeof(node.operand, env).is_array:
                raise SpecError("a number has no shape", node)
            return Type(Stage.SHAPE)
        case Unary("not", operand):
            return Type(_fact(operand, env).stage, truth=True)
        case Unary("~", operand):
            inner = typeof(operand, env)
            if not inner.truth:
                raise SpecError("`~` inverts a truth value", node, "`-a` negates a number")
            return inner
        case Unary(operand=operand):
            return _number(operand, env)
        case Binary("@"):
            return _product(node, env)
        case Binary("&" | "|" as op, left, right):
            sides = typeof(left, env), typeof(right, env)
            if not (sides[0].truth and sides[1].truth):
                raise SpecError(f"`{op}` joins truth values", node, "put comparisons in brackets: (a > 0) & (b > 0)")
            return replace(_broadcast(node, *sides), truth=True)
        case Binary(left=left, right=right):
            return _broadcast(node, _number(left, env), _number(right, env))
        case Compare("is" | "is not", left, right):
            if not (isinstance(right, Constant) and right.value is None and isinstance(left, Name)):
                raise SpecError("`is` asks whether a hyperparameter is None", node, "write `h is not None`")
            return Type(Stage.STATIC, truth=True)
        case Compare(left=left, right=right):
            return replace(_broadcast(node, _number(left, env), _number(right, env)), truth=True)
        case Logical(values=values):
            stages = Stage.STATIC
            inner = dict(env)
            for value in values:
                stages |= _fact(value, inner).stage
                inner = narrowed(value, inner, node.op == "and")
            return Type(stages, truth=True)
        case Choose(test, then, otherwise):
            fact = _fact(test, env)
            sides = typeof(then, narrowed(test, env, True)), typeof(otherwise, narrowed(test, env, False))
            return joined(fact.stage, *sides)
        case Transpose(operand):
            inner = typeof(operand, env)
            if len(inner.dims) < 2:
                raise SpecError("`.T` swaps the last two axes: a number has none", node)
            return replace(inner, dims=(*inner.dims[:-2], inner.dims[-1], inner.dims[-2]))
        case Index(operand, items):
            return _index(node, typeof(operand, env), items)
        case Call():
            return _call(node, env)
    raise SpecError(f"{type(node).__name__} has no type", node)


def _number(node: Expr, env: Env) -> Type:
    inner = typeof(node, env)
    if inner.truth:
        raise SpecError("a truth value in arithmetic", node, "write where(condition, 1.0, 0.0)")
    if inner.optional:
        raise SpecError("this may be None here", node, "ask first: `if h is not None:`")
    return inner


def _fact(node: Expr, env: Env) -> Type:
    inner = typeof(node, env)
    if not inner.stage.static:
        raise SpecError(
            "a branch on a value that is not static: real branches (`if t % k == 0`) come later",
            node,
            "branch on flags, ndim, shape or None; choose numbers with where(condition, a, b)",
        )
    return inner


def narrowed(test: Expr, env: Env, holds: bool) -> Env:
    """`env` knowing whether `test` holds: `h is not None` makes h a number."""
    match test:
        case Compare("is not" as op, Name(name), _) | Compare("is" as op, Name(name), _):
            if (op == "is not") == holds and name in env:
                return env | {name: replace(env[name], optional=False)}
        case Logical("and", values) if holds:
            for value in values:
                env = narrowed(value, env, True)
        case Logical("or", values) if not holds:
            for value in values:
                env = narrowed(value, env, False)
        case Unary("not", operand):
            return narrowed(operand, env, not holds)
    return env


def joined(stage: Stage, a: Type, b: Type) -> Type:
    """The type of a value that is `a` on one branch and `b` on the other."""
    dims = a.dims
    if a.dims != b.dims:
        if not a.dims or not b.dims:
            dims = a.dims or b.dims
        elif len(a.dims) == len(b.dims):
            dims = tuple(p if p == q else f"?{p},{q}" for p, q in zip(a.dims, b.dims, strict=True))
        else:
            dims = ("...", "?", "?")
    return Type(stage | a.stage | b.stage, dims, a.truth or b.truth, a.optional or b.optional)


def _broadcast(node: Expr, *types: Type) -> Type:
    dims: tuple[Axis, ...] = ()
    stage = Stage.STATIC
    for t in types:
        stage |= t.stage
        if not dims or not t.dims:
            dims = dims or t.dims
            continue
        opaque = any(isinstance(d, str) and d[0] == "?" for d in (*dims, *t.dims))
        if len(dims) != len(t.dims) and not opaque:
            raise SpecError(f"the ranks differ: {shown(dims)} with {shown(t.dims)}", node, "add axes: row[..., None]")
        merged: list[Axis] = []
        for p, q in zip(dims[::-1], t.dims[::-1], strict=False):
            if p != q and 1 not in (p, q) and not any(isinstance(d, str) for d in (p, q)):
                raise SpecError(
                    f"the shapes do not match: {shown(dims)} with {shown(t.dims)}", node, "add axes: row[..., None]"
                )
            merged.append(q if p == 1 or (isinstance(p, str) and p[0] == "?") else p)
        dims = tuple(merged[::-1])
    return Type(stage, dims)


def shown(dims: tuple[Axis, ...]) -> str:
    """Axes as a reader counts them, the leading ones folded: `(…, -2, -1)`."""
    if not dims:
        return "a number"
    tail = [d for d in dims if d not in ("...", -4, -3)]
    return f"({', '.join(['…', *(str(d) if not isinstance(d, str) else '?' for d in tail)])})"


def _product(node: Binary, env: Env) -> Type:
    left, right = _number(node.left, env), _number(node.right, env)
    if len(left.dims) < 3 or len(right.dims) < 3:
        raise SpecError("`@` multiplies matrices", node, "a number multiplies with `*`")
    inner = left.dims[-1], right.dims[-2]
    if inner[0] != inner[1] and not any(isinstance(d, str) for d in inner):
        raise SpecError(f"`@` contracts axis {inner[0]} with axis {inner[1]}", node, "transpose one side: a @ b.T")
    return Type(left.stage | right.stage, (*left.dims[:-1], right.dims[-1]))


def _index(node: Index, inner: Type, items: tuple[str | None, ...]) -> Type:
    if not inner.dims:
        raise SpecError("a number has no axes to index", node)
    if items.count("...") > 1:
        raise SpecError("`...` stands once in an index", node)
    if "..." in items and items[0] != "...":
        raise SpecError("new axes go after the `...`", node, "row[..., None]")
    rest, tail = list(inner.dims), []
    for item in reversed([i for i in items if i != "..."]):
        if item is None:
            tail.append(1)
        elif len(rest) > 1:
            tail.append(rest.pop())
        else:
            raise SpecError("more axes in the index than in the array", node)
    return Type(inner.stage, (*rest, *reversed(tail)))


def _call(node: Call, env: Env) -> Type:
    form = FUNCTIONS[node.function]
    if node.function == "where":
        test = typeof(node.args[0], env)
        if not test.truth:
            raise SpecError("`where` chooses by a condition", node.args[0], "where(a > 0, b, c)")
        return _broadcast(node, test, *(_number(a, env) for a in node.args[1:]))
    types = [_number(a, env) for a in node.args]
    if form.group == "elementwise":
        return _broadcast(node, *types)
    (inner,) = types
    if form.group == "model":
        if inner.dims:
            raise SpecError("`total` sums one number per array over the model", node.args[0], "total(sum(…))")
        if not inner.stage & Stage.ARRAY:
            raise SpecError("`total` of a number that no array enters", node.args[0], "total(sum(g**2))")
        return Type(Stage.SCALAR | Stage.TOTAL)
    if not inner.dims:
        raise SpecError(f"`{node.function}` reduces an array: this is a number already", node.args[0])
    axis = node.option("axis")
    if axis is None:
        return Type(Stage.ARRAY | (inner.stage & Stage.TOTAL))
    return Type(inner.stage, without(inner.dims, axis_of(axis)))


def axis_of(node: Expr) -> int:
    """The literal axis of a reduction: negative, since the rank of the parameter is not known."""
    value = None
    match node:
        case Unary("-", Number(int(n))):
            value = -n
        case Number(int(n)):
            value = n
    if value is None or value >= 0:
        raise SpecError("an axis is a literal counted from the end", node, "axis=-1")
    if value < -2:
        raise SpecError("reductions over axes before the last two come later", node, "axis=-1 or axis=-2")
    return value
