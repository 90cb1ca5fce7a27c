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
    Transpose,
    Unary,
)
from .shapes import (
    PLACES,
    about_axis,
    array,
    axis_of,
    broadcast,
    decomposed,
    indexed,
    matrix,
    place_of,
    present,
    product,
    reduced,
    summed,
    taken,
)
from .types import FULL, Env, Stage, Type, joined, narrowed
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
            array(node, typeof(node.operand, env), "has no shape")
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
            return product(node, _number(node.left, env), _number(node.right, env))
        case Binary("&" | "|" as op, left, right):
            sides = typeof(left, env), typeof(right, env)
            if not (sides[0].truth and sides[1].truth):
                raise SpecError(f"`{op}` joins truth values", node, "put comparisons in brackets: (a > 0) & (b > 0)")
            return replace(broadcast(node, *sides), truth=True)
        case Binary("%" | "//" as op, left, right):
            sides = _number(left, env), _number(right, env)
            for side, found in zip((left, right), sides, strict=True):
                if found.stage & Stage.ARRAY:
                    hint = "divide with `/` and round with floor(…)"
                    raise SpecError(f"`{op}` divides numbers that no array enters", side, hint)
            return broadcast(node, *sides)
        case Binary(left=left, right=right):
            return broadcast(node, _number(left, env), _number(right, env))
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
            return replace(broadcast(node, *(_compared(side, env) for side in (left, right))), truth=True)
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
            array(node, inner, "has no axes for `.T` to swap")
            if len(inner.dims) < 2:
                raise SpecError("`.T` swaps two axes, and this has one", node, "a[..., None] is a column")
            return replace(inner, dims=(*inner.dims[:-2], inner.dims[-1], inner.dims[-2]))
        case Index(operand):
            return indexed(node, typeof(operand, env))
        case Part(operand, index):
            inner = typeof(operand, env)
            return Type(inner.stage, inner.parts[index])
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
    present(node, inner)
    return inner


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


def _call(node: Call, env: Env) -> Type:
    form = FUNCTIONS[node.function]
    if node.function == "where":
        test = typeof(node.args[0], env)
        if not test.truth:
            raise SpecError("`where` chooses by a condition", node.args[0], "where(a > 0, b, c)")
        return broadcast(node, test, *(_number(a, env) for a in node.args[1:]))
    if form.group == "axes":
        axis = place_of(node.option("axis"))
        return about_axis(node, _number(node.args[0], env), axis)
    if node.function == "svd":
        return decomposed(node, _number(node.args[0], env))
    if form.group in ("matrix", "parts"):
        return matrix(node, [_number(a, env) for a in node.args])
    if form.group == "order":
        return _ordered(node, env)
    types = [_number(a, env) for a in node.args]
    if form.group == "elementwise":
        return broadcast(node, *types)
    (inner,) = types
    if form.group == "model":
        return summed(node, inner)
    return reduced(node, inner)


def _ordered(node: Call, env: Env) -> Type:
    """`take(a, argsort(v), axis=-1)`: places are no numbers, so they stand nowhere else."""
    if node.function == "argsort":
        inner = _number(node.args[0], env)
        array(node.args[0], inner, "has no order")
        return replace(inner, places=True)
    items, order = node.args
    if not (isinstance(order, Call) and order.function == "argsort"):
        raise SpecError("`take` takes the places that `argsort` gives", order, PLACES)
    if node.option("keep") is not None:
        raise SpecError("`take` goes along one axis", node, "axis=-1 or axis=-2")
    given = node.option("axis")
    axis = -1 if given is None else axis_of(given)
    return taken(node, _number(items, env), typeof(order, env), axis)
