"""The type of an operation on arrays from the types of its operands: which axes it takes, and which it leaves.

A SpecError at the node, or at the operand, that does not fit. What a type is, `types` says; `stage.typeof` asks here.
"""

from __future__ import annotations

from .errors import SpecError
from .ir import Binary, Call, Dim, Expr, Index, Name, Number, Size, Unary, walk
from .types import FULL, LOOSE, OPAQUE, Along, Axis, Others, Stage, Type, in_place, rank, shown, without

PLACES = "take(a, argsort(v), axis=-1) is a in the order in which v ascends"


def present(node: Expr, inner: Type) -> None:
    if inner.optional:
        name = node.id if isinstance(node, Name) and inner.nullable else "h"
        raise SpecError("this may be None here", node, f"ask first: `if {name} is not None:`")


def array(node: Expr, inner: Type, lack: str) -> None:
    """Refuse an operation on axes where there may be none."""
    present(node, inner)
    if not inner.is_array:
        raise SpecError(f"a number {lack}", node, "is it the parameter, the gradient or a slot that is meant?")
    if inner.mixed:
        hint = "make it an array on both: x * 0 + number"
        raise SpecError(f"this is an array on one path and a number on another, and a number {lack}", node, hint)


HINT = "add axes: row[..., :, None] * col[..., None, :]"


def broadcast(node: Expr, *types: Type) -> Type:
    """Values of these types, element by element: axes meet from the last, and one of length 1 meets any."""
    dims: tuple[Axis, ...] = ()
    stage = Stage.STATIC
    mixed = True
    for t in types:
        stage |= t.stage
        mixed = mixed and (t.mixed or not t.is_array)
        if not dims or not t.dims or dims == t.dims:
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


def product(node: Binary, left: Type, right: Type) -> Type:
    """`left @ right`."""
    for side, found in ((node.left, left), (node.right, right)):
        if not found.is_array:
            raise SpecError("`@` multiplies matrices, and this is a number", side, "a number multiplies with `*`")
        array(side, found, "is no matrix")
    short = [len(t.dims) < (len(FULL) if in_place(t.dims) else 2) for t in (left, right)]
    if any(short):
        side = node.left if short[0] else node.right
        raise SpecError("`@` multiplies matrices, and this lacks an axis", side, "add one: row[..., None]")
    inner = left.dims[-1], right.dims[-2]
    if inner[0] != inner[1] and not any(isinstance(d, str) for d in inner):
        raise SpecError(f"`@` contracts axis {inner[0]} with axis {inner[1]}", node, "transpose one side: a @ b.T")
    rows = left.dims if in_place(left.dims) else (*right.dims[:-2], left.dims[-2], 0)
    return Type(left.stage | right.stage, (*rows[:-1], right.dims[-1]))


def indexed(node: Index, inner: Type) -> Type:
    """`inner[..., None]`: the same axes, and new ones of length 1."""
    array(node, inner, "has no axes to index")
    if node.items.count("...") > 1:
        raise SpecError("`...` stands once in an index", node, "row[..., None]")
    if node.items[0] != "...":
        # How many axes stand in front is not known, so places are counted from the end.
        raise SpecError("an index begins with `...`: new axes go after it", node, "row[..., None], row[..., :, None]")
    rest, tail = list(inner.dims), []
    for item in reversed([i for i in node.items if i != "..."]):
        if item is None:
            tail.append(1)
        elif len(rest) > in_place(inner.dims):
            tail.append(rest.pop())
        else:
            raise SpecError("more axes in the index than in the array", node, "leave out a `:`")
    return Type(inner.stage, (*rest, *reversed(tail)))


def summed(node: Call, inner: Type) -> Type:
    """`total` of a value of each array."""
    if inner.dims:
        raise SpecError("`total` sums one number per array, and this is an array", node.args[0], "total(sum(…))")
    if not inner.stage & Stage.ARRAY and not any(isinstance(n, Dim | Size) for n in walk(node.args[0])):
        raise SpecError("`total` of a number that no array enters", node.args[0], "total(sum(g**2))")
    return Type(Stage.SCALAR | Stage.TOTAL)


def reduced(node: Call, inner: Type) -> Type:
    """A reduction of an array, whole or along an axis."""
    if not inner.dims:
        hint = "it is one number per array already; write it without the reduction"
        raise SpecError(f"`{node.function}` reduces an array, and this is a number", node.args[0], hint)
    array(node.args[0], inner, "cannot be reduced")
    axis = node.option("axis")
    if axis is None:
        return Type(Stage.ARRAY | (inner.stage & Stage.TOTAL))
    if not in_place(inner.dims) and len(inner.dims) + axis_of(axis) < 0:
        raise SpecError(f"axis {axis_of(axis)} of an array of shape {shown(inner.dims)}", node, "axis=-1")
    return Type(inner.stage, without(inner.dims, axis_of(axis)))


def about_axis(node: Call, inner: Type, axis: int) -> Type:
    """`unfold`, `fold` and `spread` along this axis of the parameter, as `expand` leaves them: with one operand."""
    operand = node.args[0]
    array(operand, inner, "has no axes")
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


def taken(node: Call, a: Type, v: Type, axis: int) -> Type:
    """`take(a, argsort(v), axis=axis)`."""
    array(node.args[0], a, "has no order")
    fewer = len(a.dims) - len(v.dims)
    if in_place(a.dims) != in_place(v.dims) or fewer not in (0, 1) or (axis < -1 and not fewer):
        what = f"`take` of shape {shown(a.dims)} in the order of shape {shown(v.dims)}"
        raise SpecError(what, node, "a vector orders the rows (axis=-2) or the columns (axis=-1) of a matrix")
    if a.dims[axis] != v.dims[-1] and not any(isinstance(d, str) for d in (a.dims[axis], v.dims[-1])):
        what = f"`take` along axis {axis} of shape {shown(a.dims)} in the order of shape {shown(v.dims)}"
        raise SpecError(what, node, "the order is one of the items of that axis")
    return Type(a.stage | v.stage, a.dims)


def matrix(node: Call, types: list[Type]) -> Type:
    """A function of one matrix or two."""
    name = node.function
    for a, t in zip(node.args, types, strict=True):
        array(a, t, "is no matrix")
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
            return Type(stage, a.dims, parts=(without(a.dims, -1), a.dims))
        case "qr":
            return Type(stage, a.dims, parts=(a.dims, a.dims))
        case "diag":
            return Type(stage, without(a.dims, -1))
        case "solve_triangular":
            b = types[1].dims
            if b[-2] != columns and not any(isinstance(d, str) for d in (b[-2], columns)):
                what = f"`solve_triangular` of shape {shown(a.dims)} with shape {shown(b)}"
                raise SpecError(what, node, "the second has as many rows as the first: transpose it, b.T")
            return Type(stage, b)
    return Type(stage, a.dims)


def decomposed(node: Call, a: Type) -> Type:
    """`svd(a, rank)`: columns, the singular values, rows."""
    array(node.args[0], a, "is no matrix")
    if len(a.dims) < (len(FULL) if in_place(a.dims) else 2):
        what = "`svd` takes a matrix, and this lacks an axis"
        raise SpecError(what, node.args[0], "add one: v[..., None] is a column")
    count = node.option("rank")
    assert isinstance(count, Name | Number)
    inner = rank(count.id if isinstance(count, Name) else int(count.value), *a.dims[-2:])
    lead = a.dims[:-2]
    return Type(a.stage, a.dims, parts=((*a.dims[:-1], inner), (*lead, inner), (*lead, inner, a.dims[-1])))


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
