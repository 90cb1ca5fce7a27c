"""The functions that the statements of a generated NumPy module call, as text; a module holds those that it needs."""

from __future__ import annotations

SCALAR = '''

def _scalar(name: str, value: Any) -> float:
    """A number for the whole model."""
    try:
        if isinstance(value, (str, bytes, bool, np.bool_)) or getattr(value, "shape", ()) != ():
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"Invalid {name}: {value!r} is not a number") from None
'''

WITHOUT = """

def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return tuple(n for i, n in enumerate(shape) if i != len(shape) + axis)
"""

FILLED = '''

def _filled(x: Any, axis: int, value: float) -> Any:
    """An array for the reduction of another over one axis, in the dtype of the arithmetic."""
    return np.full(_without(x.shape, axis), value, _dtype(x))
'''

WIDE = '''

def _wide(x: Any) -> Any:
    """The array in the dtype of the arithmetic."""
    return x.astype(_dtype(x), copy=False)
'''

FULL = '''

def _full(x: Any, value: float, dtype: Any) -> Any:
    """An array like x of one number, which both parts of a complex one are."""
    return np.full_like(x, complex(value, value) if dtype.kind == "c" else value, dtype)
'''

OWN = '''

def _own(x: Any, dtype: Any) -> Any:
    """A slot's own dtype, complex for a complex parameter."""
    return np.result_type(dtype, np.complex64) if x.dtype.kind == "c" else np.dtype(dtype)
'''

AS_PARAM = '''

def _as_param(x: Any, value: Any) -> Any:
    """A value in the dtype of a parameter; of a complex one it has the parts."""
    if x.dtype.kind != "c":
        return np.array(value, x.dtype)
    return np.array(value, x.real.dtype).view(x.dtype)[..., 0]
'''

UNFOLD = '''

def _unfold(a: Any, axis: int) -> Any:
    """A matrix with a row for each item along this axis."""
    return np.moveaxis(a, axis, 0).reshape(a.shape[axis], -1)
'''

FOLD = '''

def _fold(rows: Any, shape: tuple[int, ...], axis: int) -> Any:
    """An array of this shape from the matrix that `_unfold` makes of it."""
    axis %= len(shape)
    return np.moveaxis(rows.reshape(shape[axis], *shape[:axis], *shape[axis + 1 :]), 0, axis)
'''

SPREAD = '''

def _spread(a: Any, shape: tuple[int, ...], axis: int) -> Any:
    """A vector along this axis, broadcast over the others of the shape."""
    return a.reshape([-1 if i == axis % len(shape) else 1 for i in range(len(shape))])
'''

GRADS = '''

def _grads(name: str, params: Any, grads: Any) -> dict[str, Any]:
    """The gradients that a view takes, by path."""
    if grads is None:
        raise TypeError(f"the view {name!r} takes gradients: view(..., grads=grads)")
    found = dict(_leaves(grads))
    odd = sorted(found.keys() ^ {path for path, _ in _leaves(params)})
    if odd:
        raise ValueError(f"params and grads do not have the same paths: {', '.join(map(repr, odd))}")
    return found
'''

VIEWS = '''

def _rebuilt(tree: Any, change: Any, path: str = "") -> Any:
    """A tree of the same shape with `change(path, array)` for every array."""
    if isinstance(tree, Mapping):
        return {key: _rebuilt(tree[key], change, f"{path}/{key}" if path else str(key)) for key in tree}
    if isinstance(tree, (list, tuple)):
        items = [_rebuilt(item, change, f"{path}/{i}" if path else str(i)) for i, item in enumerate(tree)]
        return items if isinstance(tree, list) else type(tree)(*items) if hasattr(tree, "_fields") else tuple(items)
    return change(path, tree)
'''

BLOCKS = '''

def _blocks(arrays: list[Any], temporaries: int) -> Iterator[list[Any]]:
    """`_tiles` of arrays of one shape, which are flattened where their layout allows it."""
    x = arrays[0]
    if x.size > BLOCK and x.ndim > 1:
        if all(a.flags.c_contiguous for a in arrays):
            arrays = [a.reshape(-1) for a in arrays]
        elif all(a.flags.f_contiguous for a in arrays):
            arrays = [a.T.reshape(-1) for a in arrays]
    return _tiles(arrays, temporaries)
'''

TILES = '''

BLOCK = 2**16  # elements: what a block and its temporaries take stays in the cache


def _tiles(arrays: list[Any], temporaries: int) -> Iterator[list[Any]]:
    """Blocks of the arrays that may be written, each with temporaries of its shape.

    The first array is the parameter; where another has an axis of length 1, its blocks share that one element. All
    come in the dtype of the arithmetic: a half-precision parameter is rounded once per block.
    """
    dtype = _dtype(arrays[0])
    if not arrays[0].ndim:
        arrays = [a.reshape(1) for a in arrays]
    scratch: list[Any] = []
    for block in _parts(arrays, 0):
        x = block[0]
        if not scratch or scratch[0].shape != x.shape:
            scratch = [np.empty(x.shape, dtype) for _ in range(temporaries)]
        wide = [a if a.dtype is dtype else a.astype(dtype, copy=False) for a in block]
        yield [*wide, *scratch]
        if wide[0] is not x:
            x[...] = wide[0]


def _parts(arrays: list[Any], axis: int) -> Any:
    """Pieces of at most BLOCK elements: cut along this axis, and along the next one too if one item has more."""
    return [arrays] if arrays[0].size <= BLOCK else _cut(arrays, axis)


def _cut(arrays: list[Any], axis: int) -> Iterator[list[Any]]:
    x = arrays[0]
    count = max(1, BLOCK * x.shape[axis] // x.size)
    for start in range(0, x.shape[axis], count):
        cut = (slice(None),) * axis + (slice(start, start + count),)
        yield from _parts([a if a.shape[axis] == 1 else a[cut] for a in arrays], axis + 1)
'''


WORDS = '''

def _words(size: int, noise: tuple[int, int, int], start: int, draw: int) -> tuple[Any, Any]:
    """Two words of Threefry-2x32 for each element: key (seed, t), counter (element, 256 * parameter + draw)."""
    seed, t, place = noise
    keys = [seed & 0xFFFFFFFF, t & 0xFFFFFFFF]
    keys.append(keys[0] ^ keys[1] ^ 0x1BD11BDA)
    a = np.arange(start, start + size, dtype=np.uint64).astype(np.uint32)
    b = np.full(size, (256 * place + draw) & 0xFFFFFFFF, np.uint32)
    high = np.empty_like(b)
    a += np.uint32(keys[0])
    b += np.uint32(keys[1])
    for number in range(20):
        turn = (13, 15, 26, 6, 17, 29, 16, 24)[number % 8]
        a += b
        np.left_shift(b, np.uint32(turn), out=high)
        b >>= np.uint32(32 - turn)
        b |= high
        b ^= a
        if number % 4 == 3:
            group = number // 4 + 1
            a += np.uint32(keys[group % 3])
            b += np.uint32((keys[(group + 1) % 3] + group) & 0xFFFFFFFF)
    return a, b
'''

UNIFORM = '''

def _uniform(like: Any, noise: tuple[int, int, int], start: int, draw: int) -> Any:
    """Noise in [0, 1), of 24 bits in every dtype."""
    a, _ = _words(like.size, noise, start, draw)
    return ((a >> np.uint32(8)) * 2.0**-24).reshape(like.shape).astype(_dtype(like))
'''

RADEMACHER = '''

def _rademacher(like: Any, noise: tuple[int, int, int], start: int, draw: int) -> Any:
    """Noise of -1 and 1."""
    a, _ = _words(like.size, noise, start, draw)
    return (1.0 - 2.0 * (a >> np.uint32(31))).reshape(like.shape).astype(_dtype(like))
'''

NORMAL = '''

def _normal(like: Any, noise: tuple[int, int, int], start: int, draw: int) -> Any:
    """Standard normal noise by Box and Muller, its angle folded to the first quadrant; rounded once."""
    a, b = _words(like.size, noise, start, draw)
    u = ((a >> np.uint32(8)) | np.uint32(1)) * 2.0**-24
    f = ((b >> np.uint32(8)) | np.uint32(1)) * 2.0**-24
    sign = 1.0 - 2.0 * (b & np.uint32(1))
    return (sign * np.sqrt(-2.0 * np.log(u)) * np.sin(math.pi / 2 * f)).reshape(like.shape).astype(_dtype(like))
'''

QR = '''

def _qr(a: Any) -> tuple[Any, Any]:
    """Q and R of a square matrix, the diagonal of R nonnegative: each LAPACK has signs of its own."""
    q, r = np.linalg.qr(a)
    sign = np.where(np.linalg.diagonal(r) < 0, -1, 1).astype(a.dtype)
    return q * sign[..., None, :], r * sign[..., :, None]
'''

SVD = '''

def _svd(a: Any, rank: int) -> tuple[Any, Any, Any]:
    """The largest singular values, at most `rank`, between their vectors: columns in front, rows behind.

    The largest element of each column is positive: each LAPACK has signs of its own.
    """
    u, s, v = np.linalg.svd(a, full_matrices=False)
    sign = np.where(np.max(u, axis=-2) < -np.min(u, axis=-2), -1, 1).astype(a.dtype)
    u, v = u * sign[..., None, :], v * sign[..., :, None]
    return u[..., :rank], s[..., :rank], v[..., :rank, :]
'''

CUT_TO = '''

def _cut_to(rank: int, shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """The shape with an axis no longer than the rank, nor than a matrix of this shape has it."""
    return tuple(min(rank, *shape[-2:]) if i == len(shape) + axis else n for i, n in enumerate(shape))
'''

SOLVE = '''

def _solve_triangular(a: Any, b: Any, lower: bool) -> Any:
    """The x of a x = b by substitution: NumPy has none. Of a, the other triangle is not read."""
    x = np.array(b)
    size = a.shape[-1]
    for i in range(size) if lower else range(size - 1, -1, -1):
        known = slice(i) if lower else slice(i + 1, size)
        x[..., i, :] -= (a[..., i : i + 1, known] @ x[..., known, :])[..., 0, :]
        x[..., i, :] /= a[..., i, i, None]
    return x
'''

TAKE = '''

def _take(a: Any, order: Any, axis: int) -> Any:
    """The items along an axis in this order; a vector orders the rows or the columns of a matrix."""
    if order.ndim < a.ndim:
        order = order[..., None, :] if axis == -1 else order[..., :, None]
    return np.take_along_axis(a, order, axis)
'''

EYE = '''

def _eye(a: Any) -> Any:
    """The identity, as large as a."""
    return np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape)
'''


def used_in(body: str) -> list[str]:
    """The helpers that the text of a class calls, and those that they call."""
    found = []
    noise = {"_uniform": UNIFORM, "_normal": NORMAL, "_rademacher": RADEMACHER, "_words": WORDS}
    helpers = noise | {
        "_full": FULL, "_own": OWN, "_as_param": AS_PARAM,
        "_filled": FILLED, "_blocks": BLOCKS, "_tiles": TILES, "_wide": WIDE, "_scalar": SCALAR, "_grads": GRADS,
        "_rebuilt": VIEWS, "_unfold": UNFOLD, "_fold": FOLD, "_spread": SPREAD,
        "_qr": QR, "_svd": SVD, "_cut_to": CUT_TO, "_eye": EYE, "_solve_triangular": SOLVE, "_take": TAKE,
    }  # fmt: skip
    for name, text in helpers.items():
        if f"{name}(" in body + "".join(found):
            found.append(text)
    return ([WITHOUT] if "_without(" in body + "".join(found) else []) + found
