"""The type of every expression: its stage, its axes, and whether it has one at all. What a type is, `types` says."""

from __future__ import annotations

from dataclasses import replace

from .errors import SpecError
from .ir import (
    Binary,
    Call,
    Choose,
    Compare,
    Constant,
    Dim,
    Draw,
    Expr,
    Index,
    Logical,
    Name,
    Ndim,
    Number,
    Part,
    Size,
    Transpose,
    Unary,
    walk,
)
from .types import (
    FULL,
    LOOSE,
    OPAQUE,
    Along,
    Axis,
    Env,
    Others,
    Stage,
    Type,
    in_place,
    joined,
    narrowed,
    shown,
    signature,
    without,
)
from .vocabulary import FUNCTIONS


def typeof(node: Expr, env: Env) -> Type:
    """The type of an expression; a SpecError at the node that has none."""
    match node:
        case Number(value):
            return Type(Stage.STATIC, whole=isinstance(value, int))
        case Constant(value):
            return Type(Stage.STATIC, truth=value is not None, optional=value is None)
        case Name(id=name):
            if name not in env:
                hint = "bind it in every branch; a loop may run 0 times, so bind it in front of one"
                raise SpecError(f"'{name}' is not bound on every path that leads here", node, hint)
            return env[name]
        case Ndim() | Dim():
            _array(node, typeof(node.operand, env), "has no shape")
            return Type(Stage.SHAPE, whole=True)
        case Unary("not", operand):
            return Type(static_fact(operand, env, "`not` of", "on numbers, write `~`").stage, truth=True)
        case Unary("~", operand):
            inner = typeof(operand, env)
            if not inner.truth:
                raise SpecError("`~` inverts a truth value", node, "`-a` negates a number")
            return inner
        case Unary(operand=operand):
            return replace(_number(operand, env), nullable=False)
        case Binary("@"):
            return _product(node, env)
        case Binary("&" | "|" as op, left, right):
            sides = typeof(left, env), typeof(right, env)
            if not (sides[0].truth and sides[1].truth):
                raise SpecError(f"`{op}` joins truth values", node, "put comparisons in brackets: (a > 0) & (b > 0)")
            return replace(_broadcast(node, *sides), truth=True)
        case Binary("%" | "//" as op, left, right):
            sides = _number(left, env), _number(right, env)
            for side, found in zip((left, right), sides, strict=True):
                if found.stage & Stage.ARRAY:
                    hint = "divide with `/` and round with floor(…)"
                    raise SpecError(f"`{op}` divides numbers that no array enters", side, hint)
            return _broadcast(node, *sides)
        case Binary(left=left, right=right):
            return _broadcast(node, _number(left, env), _number(right, env))
        case Compare("is" | "is not", left, right):
            if not (isinstance(right, Constant) and right.value is None and isinstance(left, Name)):
                what = "`is` asks whether a hyperparameter or an input is None"
                raise SpecError(what, node, "write `h is not None`")
            if not typeof(left, env).nullable:
                hint = "only what is declared `Optional[…]` may be None, and it is asked by its own name"
                raise SpecError(f"'{left.id}' is never None", left, hint)
            return Type(Stage.STATIC, truth=True)
        case Compare(op, left, right):
            if any(isinstance(s, Constant) and s.value is None for s in (left, right)):
                raise SpecError("None is compared by `is`", node, f"write `h {'is' if op == '==' else 'is not'} None`")
            return replace(_broadcast(node, *(_compared(side, env) for side in (left, right))), truth=True)
        case Logical(values=values):
            stages = Stage.STATIC
            inner = dict(env)
            for value in values:
                stages |= static_fact(value, inner, f"`{node.op}` of", JOIN).stage
                inner = narrowed(value, inner, node.op == "and")
            return Type(stages, truth=True)
        case Choose(test, then, otherwise):
            fact = static_fact(test, env)
            sides = typeof(then, narrowed(test, env, True)), typeof(otherwise, narrowed(test, env, False))
            if sides[0].truth != sides[1].truth and not (sides[0].optional or sides[1].optional):
                raise SpecError("a truth value on one side, a number on the other", node, "both sides are of one kind")
            return joined(fact.stage, *sides)
        case Transpose(operand):
            inner = typeof(operand, env)
            _array(node, inner, "has no axes for `.T` to swap")
            if len(inner.dims) < 2:
                raise SpecError("`.T` swaps two axes, and this has one", node, "a[..., None] is a column")
            return replace(inner, dims=(*inner.dims[:-2], inner.dims[-1], inner.dims[-2]))
        case Index(operand, items):
            return _index(node, typeof(operand, env), items)
        case Part(operand, index):
            inner = typeof(operand, env)
            return Type(inner.stage, inner.pair[index])
        case Draw():
            return Type(Stage.ARRAY, FULL)
        case Call():
            return _call(node, env)
    raise TypeError(type(node).__name__)


JOIN = "join comparisons of numbers with `&` and `|`, or write one `if` inside another"


def _compared(node: Expr, env: Env) -> Type:
    inner = typeof(node, env)
    if inner.truth:
        raise SpecError("a truth value in a comparison", node, "a flag is its own test: `if flag`, `if not flag`")
    return _numeric(node, inner)


def _number(node: Expr, env: Env) -> Type:
    return _numeric(node, typeof(node, env))


def _numeric(node: Expr, inner: Type) -> Type:
    if inner.places:
        raise SpecError("`argsort` gives places, and stands inside `take`", node, PLACES)
    if inner.truth:
        raise SpecError("a truth value in arithmetic", node, "write where(condition, 1.0, 0.0)")
    _present(node, inner)
    return inner


def _present(node: Expr, inner: Type) -> None:
    if inner.optional:
        name = node.id if isinstance(node, Name) and inner.nullable else "h"
        raise SpecError("this may be None here", node, f"ask first: `if {name} is not None:`")


def _array(node: Expr, inner: Type, lack: str) -> None:
    """Refuse an operation on axes where there may be none."""
    _present(node, inner)
    if not inner.is_array:
        raise SpecError(f"a number {lack}", node, "is it the parameter, the gradient or a slot that is meant?")
    if inner.mixed:
        hint = "make it an array on both: x * 0 + number"
        raise SpecError(f"this is an array on one path and a number on another, and a number {lack}", node, hint)


def _asked(node: Expr, env: Env) -> Type:
    inner = typeof(node, env)
    if isinstance(node, Name) and inner.nullable and not inner.truth:
        raise SpecError(f"'{node.id}' is a number or None, not a truth value", node, f"write `{node.id} is not None`")
    return inner


def static_fact(
    node: Expr, env: Env, what: str = "a choice by", hint: str = "choose numbers with where(condition, a, b)"
) -> Type:
    """The type of a condition or a count, which has to be known before the first step."""
    inner = _asked(node, env)
    if not inner.stage.static:
        facts = "flags, counts, ndim, shape and None-ness are static"
        raise SpecError(f"{what} a value that is not static", node, f"{facts}; {hint}")
    return inner


def condition(node: Expr, env: Env) -> Type:
    """The type of an `if`'s test: a static fact, or a truth value that no array and no shape enters."""
    inner = _asked(node, env)
    if inner.stage.static:
        return inner
    if inner.stage & Stage.ARRAY:
        what = "a branch on a value that differs between arrays"
        raise SpecError(what, node, "choose with where(condition, a, b)")
    if inner.stage & Stage.SHAPE:
        what = "a branch on a value that differs between arrays of different shapes"
        raise SpecError(what, node, "ask for the shape in an `if` of its own")
    if not inner.truth:
        raise SpecError("a branch on a number", node, "compare it: `if a > 0:`")
    return inner


HINT = "add axes: row[..., :, None] * col[..., None, :]"


def _broadcast(node: Expr, *types: Type) -> Type:
    dims: tuple[Axis, ...] = ()
    stage = Stage.STATIC
    mixed = True
    for t in types:
        stage |= t.stage
        mixed = mixed and (t.mixed or not t.is_array)
        if not dims or not t.dims:
            dims = dims or t.dims
            continue
        if len(dims) != len(t.dims) and OPAQUE not in (*dims, *t.dims):
            loose = in_place(dims) != in_place(t.dims)
            hint = "spread(v, i) puts a vector along axis i" if loose else "add axes: row[..., None]"
            raise SpecError(f"the ranks differ: {shown(dims)} with {shown(t.dims)}", node, hint)
        merged: list[Axis] = []
        for p, q in zip(dims[::-1], t.dims[::-1], strict=False):
            if p != q and 1 not in (p, q) and not any(isinstance(d, str) for d in (p, q)):
                hint = "transpose one of them: a.T" if set(dims) == set(t.dims) else HINT
                raise SpecError(f"the shapes do not match: {shown(dims)} with {shown(t.dims)}", node, hint)
            merged.append(p if q == 1 or p not in (1, OPAQUE, LOOSE) else q)
        dims = tuple(merged[::-1])
    whole = isinstance(node, Binary) and node.op in ("+", "-", "*", "%", "//") and all(t.whole for t in types)
    return Type(stage, dims, whole=whole, mixed=mixed and dims != ())


def _product(node: Binary, env: Env) -> Type:
    left, right = _number(node.left, env), _number(node.right, env)
    for side, found in ((node.left, left), (node.right, right)):
        if not found.is_array:
            raise SpecError("`@` multiplies matrices, and this is a number", side, "a number multiplies with `*`")
        _array(side, found, "is no matrix")
    short = [len(t.dims) < (len(FULL) if in_place(t.dims) else 2) for t in (left, right)]
    if any(short):
        side = node.left if short[0] else node.right
        raise SpecError("`@` multiplies matrices, and this lacks an axis", side, "add one: row[..., None]")
    inner = left.dims[-1], right.dims[-2]
    if inner[0] != inner[1] and not any(isinstance(d, str) for d in inner):
        raise SpecError(f"`@` contracts axis {inner[0]} with axis {inner[1]}", node, "transpose one side: a @ b.T")
    rows = left.dims if in_place(left.dims) else (*right.dims[:-2], left.dims[-2], 0)
    return Type(left.stage | right.stage, (*rows[:-1], right.dims[-1]))


def _index(node: Index, inner: Type, items: tuple[str | None, ...]) -> Type:
    _array(node, inner, "has no axes to index")
    if items.count("...") > 1:
        raise SpecError("`...` stands once in an index", node, "row[..., None]")
    if items[0] != "...":
        # How many axes stand in front is not known, so places are counted from the end.
        raise SpecError("an index begins with `...`: new axes go after it", node, "row[..., None], row[..., :, None]")
    rest, tail = list(inner.dims), []
    for item in reversed([i for i in items if i != "..."]):
        if item is None:
            tail.append(1)
        elif len(rest) > in_place(inner.dims):
            tail.append(rest.pop())
        else:
            raise SpecError("more axes in the index than in the array", node, "leave out a `:`")
    return Type(inner.stage, (*rest, *reversed(tail)))


def _call(node: Call, env: Env) -> Type:
    form = FUNCTIONS[node.function]
    if node.function == "where":
        test = typeof(node.args[0], env)
        if not test.truth:
            raise SpecError("`where` chooses by a condition", node.args[0], "where(a > 0, b, c)")
        return _broadcast(node, test, *(_number(a, env) for a in node.args[1:]))
    if form.group == "axes":
        return _axes(node, env)
    if form.group in ("matrix", "pair"):
        return _matrix(node, env)
    if form.group == "order":
        return _ordered(node, env)
    types = [_number(a, env) for a in node.args]
    if form.group == "elementwise":
        return _broadcast(node, *types)
    (inner,) = types
    if form.group == "model":
        if inner.dims:
            raise SpecError("`total` sums one number per array, and this is an array", node.args[0], "total(sum(…))")
        if not inner.stage & Stage.ARRAY and not any(isinstance(n, Dim | Size) for n in walk(node.args[0])):
            raise SpecError("`total` of a number that no array enters", node.args[0], "total(sum(g**2))")
        return Type(Stage.SCALAR | Stage.TOTAL)
    if not inner.dims:
        hint = "it is one number per array already; write it without the reduction"
        raise SpecError(f"`{node.function}` reduces an array, and this is a number", node.args[0], hint)
    _array(node.args[0], inner, "cannot be reduced")
    axis = node.option("axis")
    if axis is None:
        return Type(Stage.ARRAY | (inner.stage & Stage.TOTAL))
    if not in_place(inner.dims) and len(inner.dims) + axis_of(axis) < 0:
        raise SpecError(f"axis {axis_of(axis)} of an array of shape {shown(inner.dims)}", node, "axis=-1")
    return Type(inner.stage, without(inner.dims, axis_of(axis)))


def _axes(node: Call, env: Env) -> Type:
    """`unfold`, `fold` and `spread`, as `expand` leaves them: an operand, and an axis of the parameter as an option."""
    operand, axis = node.args[0], place_of(node.option("axis"))
    inner = _number(operand, env)
    _array(operand, inner, "has no axes")
    if node.function == "unfold":
        if not inner.is_full:
            hint = "it takes the parameter, the gradient, or what has their shape"
            raise SpecError(f"`unfold` of an array of shape {shown(inner.dims)}", operand, hint)
        return Type(inner.stage, (Along(axis), Others(axis)))
    vector = node.function == "spread"
    wanted: tuple[Axis, ...] = (Along(axis),) if vector else (Along(axis), Others(axis))
    if len(inner.dims) != len(wanted) or any(d not in (w, OPAQUE) for d, w in zip(inner.dims, wanted, strict=True)):
        what = f"`{node.function}` along axis {axis} takes shape {shown(wanted)}, and this has {shown(inner.dims)}"
        hint = "a vector: sum(a, keep=0)" if vector else "a matrix such as unfold(a, 0) gives"
        raise SpecError(what, operand, hint)
    return Type(inner.stage, ("...", *(LOOSE,) * (len(FULL) - 1)) if vector else FULL)


PLACES = "take(a, argsort(v), axis=-1) is a in the order in which v ascends"


def _ordered(node: Call, env: Env) -> Type:
    """`take(a, argsort(v), axis=-1)`: places are no numbers, so they stand nowhere else."""
    if node.function == "argsort":
        inner = _number(node.args[0], env)
        _array(node.args[0], inner, "has no order")
        return replace(inner, places=True)
    items, order = node.args
    if not (isinstance(order, Call) and order.function == "argsort"):
        raise SpecError("`take` takes the places that `argsort` gives", order, PLACES)
    if node.option("keep") is not None:
        raise SpecError("`take` goes along one axis", node, "axis=-1 or axis=-2")
    axis = -1 if node.option("axis") is None else axis_of(node.option("axis"))  # type: ignore[arg-type]
    a, v = _number(items, env), typeof(order, env)
    _array(items, a, "has no order")
    fewer = len(a.dims) - len(v.dims)
    if in_place(a.dims) != in_place(v.dims) or fewer not in (0, 1) or (axis < -1 and not fewer):
        what = f"`take` of shape {shown(a.dims)} in the order of shape {shown(v.dims)}"
        raise SpecError(what, node, "a vector orders the rows (axis=-2) or the columns (axis=-1) of a matrix")
    if a.dims[axis] != v.dims[-1] and not any(isinstance(d, str) for d in (a.dims[axis], v.dims[-1])):
        what = f"`take` along axis {axis} of shape {shown(a.dims)} in the order of shape {shown(v.dims)}"
        raise SpecError(what, node, "the order is one of the items of that axis")
    return Type(a.stage | v.stage, a.dims)


def _matrix(node: Call, env: Env) -> Type:
    name = node.function
    types = [_number(a, env) for a in node.args]
    for a, t in zip(node.args, types, strict=True):
        _array(a, t, "is no matrix")
        if len(t.dims) < (len(FULL) if in_place(t.dims) else 2):
            raise SpecError(f"`{name}` takes a matrix, and this lacks an axis", a, "add one: v[..., None] is a column")
    a = types[0]
    stage = a.stage | types[-1].stage
    rows, columns = a.dims[-2:]
    if name not in ("triu", "tril") and rows != columns and not any(isinstance(d, str) for d in (rows, columns)):
        what = f"`{name}` takes a square matrix, and this has shape {shown(a.dims)}"
        raise SpecError(what, node.args[0], "g @ g.T and gram(g, i) are square")
    match name:
        case "eigh":
            return Type(stage, a.dims, pair=(without(a.dims, -1), a.dims))
        case "qr":
            return Type(stage, a.dims, pair=(a.dims, a.dims))
        case "diag":
            return Type(stage, without(a.dims, -1))
        case "solve_triangular":
            b = types[1].dims
            if b[-2] != columns and not any(isinstance(d, str) for d in (b[-2], columns)):
                what = f"`solve_triangular` of shape {shown(a.dims)} with shape {shown(b)}"
                raise SpecError(what, node, "the second has as many rows as the first: transpose it, b.T")
            return Type(stage, b)
    return Type(stage, a.dims)


def place_of(node: Expr | None) -> int:
    """The literal axis of the parameter that `keep=` or an `axes` function names."""
    match node:
        case Unary("-", Number(int(n))) if 1 <= n <= len(FULL):
            return -n
        case Number(int(n)) if n <= len(FULL):
            return n
    raise SpecError("the axis is a literal, or counts `for i in range(x.ndim)`", node or Name(""), "0, 1, -1, or i")


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


__all__ = [
    "FULL",
    "Axis",
    "Env",
    "Stage",
    "Type",
    "axis_of",
    "condition",
    "joined",
    "signature",
    "static_fact",
    "typeof",
]
