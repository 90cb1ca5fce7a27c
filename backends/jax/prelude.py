"""The helpers of a generated module: each is printed where the text calls it, in the order of this file."""

from __future__ import annotations

import re

from .doors import COMPLEX, DTYPES, MASK

HELPERS: dict[str, str] = {
    "_branch": '''
def _branch(test: Any, then: Callable[..., tuple], otherwise: Callable[..., tuple], *given: Any) -> tuple:
    """What one of the two sides makes of what it is given; the other does not run, in a compiled step neither."""
    if not isinstance(test, jax.core.Tracer):
        return (then if test else otherwise)(*given)

    def merged(a: Any, b: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(jnp.broadcast_shapes(a.shape, b.shape), jnp.result_type(a, b))

    def shaped(a: Any, like: jax.ShapeDtypeStruct) -> jax.Array:
        a = jnp.asarray(a) if jnp.result_type(a) == like.dtype else jnp.asarray(a, like.dtype)
        return a if a.shape == like.shape else jnp.broadcast_to(a, like.shape)

    def alike(side: Callable[..., tuple]) -> Callable[..., tuple]:
        return lambda *given: jax.tree.map(shaped, side(*given), ends)

    ends = jax.tree.map(merged, *(jax.eval_shape(side, *given) for side in (then, otherwise)))
    return jax.lax.cond(test, alike(then), alike(otherwise), *given)
''',
    "_mod": '''
def _mod(a: Any, b: Any) -> Any:
    """a % b, with the sign of b; nan where b is 0."""
    return a % b if isinstance(b, jax.Array) or b != 0 else math.nan
''',
    "_floordiv": '''
def _floordiv(a: Any, b: Any) -> Any:
    """The integer below a / b; nan where b is 0."""
    if isinstance(b, jax.Array):
        return jnp.where(b == 0, math.nan, a // b)
    return a // b if b != 0 else math.nan
''',
    "_number": '''
def _number(name: str, value: Any, domain: str, inside: Callable[[float], bool]) -> Any:
    """A hyperparameter: numbers are checked and become floats; arrays, tracers and schedules pass."""
    if callable(value) or isinstance(value, jax.Array):
        return value
    if isinstance(value, str) or not hasattr(value, "__float__"):
        raise TypeError(f"Invalid {name}: {value!r} is not a number, an array or a schedule")
    number = float(value)
    if not (math.isfinite(number) and inside(number)):
        raise ValueError(f"Invalid {name}: {value}, must be in {domain}")
    return number
''',
    "_count": '''
def _count(name: str, value: Any) -> int:
    """A hyperparameter that shapes the computation, known before anything is traced."""
    if value is None or isinstance(value, bool | str | jax.Array):
        raise TypeError(f"Invalid {name}: {value!r} is not an int; inject_hyperparams needs static_args={name!r}")
    if not (math.isfinite(value) and value >= 0 and value == int(value)):
        raise ValueError(f"Invalid {name}: {value}, must be an integer >= 0")
    return int(value)
''',
    "_flag": '''
def _flag(name: str, value: Any) -> bool:
    """A hyperparameter that chooses between two rules."""
    if not isinstance(value, bool):
        raise TypeError(f"Invalid {name}: {value!r} is not True or False")
    return value
''',
    "_now": '''
def _now(value: Any, count: jax.Array, dtype: Any) -> Any:
    """A hyperparameter at this step. Numbers stay numbers: what they decide alone is computed in float64."""
    value = value(count) if callable(value) else value
    if value is None:
        return None
    return float(value) if isinstance(value, int | float) else jnp.asarray(value, dtype)
''',
    "_first": '''
def _first(value: Any) -> Any:
    """A hyperparameter before the first update."""
    return value(jnp.zeros([], jnp.int32)) if callable(value) else value
''',
    "_wide": '''
def _wide(*arrays: Any) -> Any:
    """The dtype to compute in: that of the arrays, and never narrower than float32."""
    return jnp.result_type(jnp.float32, *arrays)
''',
    "_floating": '''
def _floating(params: optax.Params) -> list[tuple[str, Any]]:
    """The parameters with their paths. TypeError if one is not real and floating."""
    found = [(jax.tree_util.keystr(path), p) for path, p in jax.tree_util.tree_leaves_with_path(params)]
    for path, p in found:
        if jnp.iscomplexobj(p):
            remedy = "optax.contrib.split_real_and_imaginary gives it their parts"
            raise TypeError(f"parameter {path} is {jnp.result_type(p)}: this rule takes no complex ones; {remedy}")
        if not jnp.issubdtype(jnp.result_type(p), jnp.floating):
            raise TypeError(f"parameter {path} is {jnp.result_type(p)}: parameters are real floating arrays")
    return found
''',
    "_scalar": '''
def _scalar(name: str, value: Any, dtype: Any) -> jax.Array:
    """A number for the whole model."""
    if jnp.shape(value) != ():
        raise ValueError(f"the input {name!r} has shape {jnp.shape(value)}: it is one number")
    return jnp.asarray(value, dtype)
''',
    "_like": '''
def _like(name: str, tree: Any, updates: Any) -> Any:
    """An array for every gradient; None for each where the step goes without."""
    if tree is None:
        return jax.tree.map(lambda g: None, updates)
    leaves, treedef = jax.tree_util.tree_flatten_with_path(updates, is_leaf=lambda leaf: leaf is None)
    try:
        found = treedef.flatten_up_to(tree)
    except (ValueError, TypeError, KeyError):
        raise ValueError(f"the input {name!r} is not a tree like the gradients") from None
    for (path, g), a in zip(leaves, found, strict=True):
        if g is not None and (a is None or jnp.shape(a) != jnp.shape(g)):
            was = "missing" if a is None else f"of shape {jnp.shape(a)}, its gradient {jnp.shape(g)}"
            raise ValueError(f"the input {name!r} of {jax.tree_util.keystr(path)} is {was}")
    return tree
''',
    "_nothing": '''
def _nothing(g: Any) -> bool:
    """Parameters without a gradient, and arrays without elements, pass through untouched."""
    return g is None or jnp.size(g) == 0
''',
    "_each": '''
def _each(outputs: int, rule: Callable[..., tuple], *trees: Any) -> list[Any]:
    """Apply `rule` array by array, in float32 or wider, and return as many trees as it has outputs."""
    leaves, treedef = jax.tree.flatten(trees[0], is_leaf=lambda leaf: leaf is None)
    rows = zip(leaves, *(treedef.flatten_up_to(tree) for tree in trees[1:]), strict=True)
    results = [rule(*(_widened(leaf, row[0]) for leaf in row)) for row in rows]
    return [treedef.unflatten([result[i] for result in results]) for i in range(outputs)]
''',
    "_widened": '''
def _widened(leaf: Any, like: Any) -> Any:
    """An array in float32 or wider. Absent slots, static facts and numbers of the host stay what they are."""
    if leaf is None or isinstance(leaf, bool | int | float):
        return leaf
    return jnp.asarray(leaf, _wide(leaf, leaf if like is None else like))
''',
    "_cast": '''
def _cast(tree: Any, like: Any) -> Any:
    """Round once, at the end, to the dtypes of `like`."""
    return jax.tree.map(lambda a, b: jnp.broadcast_to(a, jnp.shape(b)).astype(jnp.result_type(b)), tree, like)
''',
    "_total": '''
def _total(parts: Any, dtype: Any) -> jax.Array:
    """The sum of one scalar of every array."""
    return sum((jnp.asarray(part, dtype) for part in jax.tree.leaves(parts)), start=jnp.zeros([], dtype))
''',
    "_norm": '''
def _norm(a: jax.Array, axis: int | None = None) -> jax.Array:
    """The Euclidean norm."""
    return jnp.sqrt(jnp.sum(jnp.square(a), axis=axis))
''',
    "_rms": '''
def _rms(a: jax.Array, axis: int | None = None) -> jax.Array:
    """The root of the mean square."""
    return jnp.sqrt(jnp.mean(jnp.square(a), axis=axis))
''',
    "_qr": '''
def _qr(a: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Q and R of a square matrix, the diagonal of R nonnegative: each LAPACK has signs of its own."""
    q, r = jnp.linalg.qr(a)
    sign = jnp.where(jnp.linalg.diagonal(r) < 0, -1, 1).astype(a.dtype)
    return q * sign[..., None, :], r * sign[..., :, None]
''',
    "_svd": '''
def _svd(a: jax.Array, rank: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The largest singular values, at most `rank`, between their vectors: columns in front, rows behind.

    The largest element of each column is positive: each LAPACK has signs of its own.
    """
    u, s, v = jnp.linalg.svd(a, full_matrices=False)
    sign = jnp.where(jnp.max(u, axis=-2) < -jnp.min(u, axis=-2), -1, 1).astype(a.dtype)
    u, v = u * sign[..., None, :], v * sign[..., :, None]
    return u[..., :rank], s[..., :rank], v[..., :rank, :]
''',
    "_cut_to": '''
def _cut_to(rank: int, shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """The shape with an axis no longer than the rank, nor than a matrix of this shape has it."""
    return tuple(min(rank, *shape[-2:]) if i == len(shape) + axis else n for i, n in enumerate(shape))
''',
    "_take": '''
def _take(a: jax.Array, order: jax.Array, axis: int) -> jax.Array:
    """The items along an axis in this order; a vector orders the rows or the columns of a matrix."""
    if order.ndim < a.ndim:
        order = order[..., None, :] if axis == -1 else order[..., :, None]
    return jnp.take_along_axis(a, order, axis)
''',
    "_eye": '''
def _eye(a: jax.Array) -> jax.Array:
    """The identity, as large as a."""
    return jnp.broadcast_to(jnp.eye(a.shape[-1], dtype=a.dtype), a.shape)
''',
    "_unfold": '''
def _unfold(a: jax.Array, axis: int) -> jax.Array:
    """A matrix with a row for each item along this axis."""
    return jnp.moveaxis(a, axis, 0).reshape(a.shape[axis], -1)
''',
    "_fold": '''
def _fold(rows: jax.Array, shape: tuple[int, ...], axis: int) -> jax.Array:
    """An array of this shape from the matrix that `_unfold` makes of it."""
    axis %= len(shape)
    return jnp.moveaxis(rows.reshape(shape[axis], *shape[:axis], *shape[axis + 1 :]), 0, axis)
''',
    "_spread": '''
def _spread(a: jax.Array, shape: tuple[int, ...], axis: int) -> jax.Array:
    """A vector along this axis, broadcast over the others of the shape."""
    return a.reshape([-1 if i == axis % len(shape) else 1 for i in range(len(shape))])
''',
    "_power": '''
def _power(base: Any, exponent: jax.Array) -> jax.Array:
    """base**exponent for a hyperparameter `base`, through its logarithm; 0**0 is 1."""
    return jnp.where(exponent == 0, 1.0, jnp.exp(exponent * _log(base)))
''',
}

NOISE: dict[str, str] = {
    "_places": '''
def _places(tree: Any) -> Any:
    """The place of each parameter in the tree: it tells its noise from that of the others."""
    leaves, treedef = jax.tree.flatten(tree, is_leaf=lambda leaf: leaf is None)
    return treedef.unflatten(range(len(leaves)))
''',
    "_uniform": '''
def _uniform(noise: tuple[Any, ...], draw: int) -> jax.Array:
    """Noise in [0, 1), of 24 bits in every dtype."""
    a, _ = _words(noise, draw)
    return (a >> 8).astype(noise[3].dtype) * 2.0**-24
''',
    "_rademacher": '''
def _rademacher(noise: tuple[Any, ...], draw: int) -> jax.Array:
    """Noise of -1 and 1."""
    a, _ = _words(noise, draw)
    return 1.0 - 2.0 * (a >> 31).astype(noise[3].dtype)
''',
    "_normal": '''
def _normal(noise: tuple[Any, ...], draw: int) -> jax.Array:
    """Standard normal noise by Box and Muller, its angle folded to the first quadrant."""
    dtype = noise[3].dtype
    a, b = _words(noise, draw)
    u, f = (((word >> 8) | 1).astype(dtype) * 2.0**-24 for word in (a, b))
    sign = 1.0 - 2.0 * (b & 1).astype(dtype)
    return sign * jnp.sqrt(-2.0 * jnp.log(u)) * jnp.sin(math.pi / 2 * f)
''',
    "_words": '''
def _words(noise: tuple[Any, ...], draw: int) -> tuple[jax.Array, jax.Array]:
    """Two words of Threefry-2x32 for each element: key (seed, t), counter (element, 256 * parameter + draw)."""
    seed, t, place, like = noise
    seed = seed.astype(jnp.uint32) if isinstance(seed, jax.Array) else jnp.uint32(seed & 0xFFFFFFFF)
    keys = [seed, jnp.asarray(t).astype(jnp.uint32)]
    keys.append(keys[0] ^ keys[1] ^ jnp.uint32(0x1BD11BDA))
    a = jax.lax.iota(jnp.uint32, like.size).reshape(like.shape) + keys[0]
    b = jnp.full(like.shape, (256 * place + draw) & 0xFFFFFFFF, jnp.uint32) + keys[1]
    for number in range(20):
        turn = (13, 15, 26, 6, 17, 29, 16, 24)[number % 8]
        a = a + b
        b = ((b << turn) | (b >> (32 - turn))) ^ a
        if number % 4 == 3:
            group = number // 4 + 1
            a = a + keys[group % 3]
            b = b + keys[(group + 1) % 3] + jnp.uint32(group)
    return a, b
''',
}

# What hyperparameters decide alone: a number by the host in float64, by IEEE rules; a traced array by JAX.
FOLDED: dict[str, tuple[str, str, str]] = {
    "_sqrt": ("a", "jnp.sqrt(a)", "math.sqrt(a) if a >= 0 else math.nan"),
    "_rsqrt": ("a", "1.0 / jnp.sqrt(a)", "1.0 / math.sqrt(a) if a > 0 else math.inf if a == 0 else math.nan"),
    "_exp": ("a", "jnp.exp(a)", "math.exp(a) if not a > 709.0 else math.inf"),
    "_expm1": ("a", "jnp.expm1(a)", "math.expm1(a) if not a > 709.0 else math.inf"),
    "_log": ("a", "jnp.log(a)", "math.log(a) if a > 0 else -math.inf if a == 0 else math.nan"),
    "_log1p": ("a", "jnp.log1p(a)", "math.log1p(a) if a > -1 else -math.inf if a == -1 else math.nan"),
    "_tanh": ("a", "jnp.tanh(a)", "math.tanh(a)"),
    "_sign": ("a", "jnp.sign(a)", "a if a == 0 or math.isnan(a) else math.copysign(1.0, a)"),
    "_floor": ("a", "jnp.floor(a)", "float(math.floor(a)) if math.isfinite(a) else a"),
    "_maximum": ("a, b", "jnp.maximum(a, b)", "math.nan if math.isnan(a) or math.isnan(b) else max(a, b)"),
    "_minimum": ("a, b", "jnp.minimum(a, b)", "math.nan if math.isnan(a) or math.isnan(b) else min(a, b)"),
    "_clip": ("a, low, high", "jnp.clip(a, low, high)", "_minimum(_maximum(a, low), high)"),
    "_where": ("test, a, b", "jnp.where(test, a, b)", "a if test else b"),
    "_div": (
        "a, b",
        "jnp.divide(a, b)",
        "a / b if b else math.nan if a == 0 or a != a else math.copysign(math.inf, a) * math.copysign(1.0, b)",
    ),
}

POW = '''
def _pow(a: Any, b: Any) -> Any:
    """`a**b` of hyperparameters: by JAX if one is traced, of numbers in float64 by IEEE rules."""
    if isinstance(a, jax.Array) or isinstance(b, jax.Array):
        return jnp.power(a, b)
    try:
        return math.pow(a, b)
    except OverflowError:
        return -math.inf if a < 0 and b % 2 == 1 else math.inf
    except ValueError:
        return math.inf if a == 0 else math.nan
'''


def _folded(name: str) -> str:
    args, traced, host = FOLDED[name]
    names = args.split(", ")
    test = "isinstance(a, jax.Array)" if args == "a" else f"any(isinstance(v, jax.Array) for v in ({args}))"
    signature = ", ".join(f"{n}: Any" for n in names)
    return f'''
def {name}({signature}) -> Any:
    """`{name[1:]}` of hyperparameters: by JAX if one is traced, of numbers in float64 by IEEE rules."""
    if {test}:
        return {traced}
    return {host}
'''


ALL = MASK | DTYPES | HELPERS | NOISE | {"_pow": POW} | {name: _folded(name) for name in FOLDED}


def helpers(text: str, takes_complex: bool) -> list[str]:
    """The definitions of the helpers that `text` calls, and those that they call."""
    texts = ALL | COMPLEX if takes_complex else ALL
    found: set[str] = set()
    while new := {n for n in texts if n not in found and f"{n}(" in text and re.search(rf"\b{n}\(", text)}:
        found |= new
        text = "".join(texts[n] for n in sorted(new))
    return [texts[n].strip("\n") for n in texts if n in found]
