"""The helper functions of generated NumPy modules, as text: checks, trees, and the walk over blocks."""

from __future__ import annotations

from adaspec.vocabulary import KINDS, Domain

NUMBER = '''

def _number(name: str, value: Any, past: int | None, domain: str, inside: Any) -> Any:
    """A real hyperparameter; a function is called as soon as `past`, the number of past updates, is known."""
    if callable(value):
        if past is None:
            return value
        value = value(past)
    try:
        if isinstance(value, (str, bytes, bool, np.bool_)) or getattr(value, "shape", ()) != ():
            raise TypeError
        h = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"Invalid {name}: {value!r} is not a number") from None
    if not (math.isfinite(h) and inside(h)):
        raise ValueError(f"Invalid {name}: {value}, must be in {domain}")
    return h
'''

COUNT = '''

def _count(name: str, value: Any) -> int:
    """A static integer hyperparameter."""
    if isinstance(value, (bool, np.bool_, str)) or int(value) != value or value < 0:
        raise ValueError(f"Invalid {name}: {value}, must be an integer >= 0")
    return int(value)
'''

FLAG = '''

def _flag(name: str, value: Any) -> bool:
    """A static truth value."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"Invalid {name}: {value!r} is not True or False")
    return bool(value)
'''


def checks(kinds: set[str]) -> str:
    """The functions that check hyperparameters of these kinds."""
    real = [k for k in KINDS if k in kinds - {"Count", "Flag"}]
    text = NUMBER if real else ""
    text += "".join(_check(k, KINDS[k]) for k in real)
    return text + (COUNT if "Count" in kinds else "") + (FLAG if "Flag" in kinds else "")


def _check(kind: str, d: Domain) -> str:
    sides = [f"{d.low:g} {'<' if d.low_open else '<='} h"] if d.low > float("-inf") else []
    sides += [f"h {'<' if d.high_open else '<='} {d.high:g}"] if d.high < float("inf") else []
    inside = " and ".join(sides) or "True"
    if len(sides) == 2:
        inside = f"{sides[0]}{sides[1][1:]}"
    return f'''

def _{kind.lower()}(name: str, value: Any, past: int | None = None) -> Any:
    """A number in {d.text}, or a function of the number of past updates."""
    return _number(name, value, past, "{d.text}", lambda h: {inside})
'''


TREE = '''

def _leaves(tree: Any, path: str = "") -> Any:
    """Every array of a tree with its path, such as `encoder/0/weight`."""
    if isinstance(tree, Mapping):
        for key in tree:
            yield from _leaves(tree[key], f"{path}/{key}" if path else str(key))
    elif isinstance(tree, (list, tuple)):
        for number, item in enumerate(tree):
            yield from _leaves(item, f"{path}/{number}" if path else str(number))
    else:
        yield path, tree


def _named(params: Any) -> dict[str, Any]:
    """The parameters by path: arrays that can be updated in place, each for itself."""
    found: dict[str, Any] = {}
    for path, x in _leaves(params):
        if path in found:
            raise ValueError(f"two parameters have the path {path!r}")
        _check_param(path, x)
        found[path] = x
    spans = sorted((*np.lib.array_utils.byte_bounds(x), path) for path, x in found.items() if x.size)
    for number, (_, end, path) in enumerate(spans):
        for start, _, other in spans[number + 1 :]:
            if start >= end:
                break
            if np.shares_memory(found[path], found[other]):
                raise ValueError(f"parameters {path!r} and {other!r} share memory: give a tied array once")
    return found


def _check_param(path: str, x: Any) -> None:
    if not isinstance(x, np.ndarray):
        raise TypeError(f"parameter {path!r} is {type(x).__name__}: parameters are NumPy arrays")
    if x.dtype.kind != "f" and x.dtype.name != "bfloat16":
        raise TypeError(f"parameter {path!r} is {x.dtype}: parameters are real floating arrays")
    if not x.flags.writeable:
        raise ValueError(f"parameter {path!r} is read-only: it is updated in place")
'''

WORK = '''

def _work(params: Any, grads: Any, state: dict[str, Any], shapes: Any{inputs}) -> dict[int, list[Any]]:
    """Count this step, and group (parameter, gradient, slots{doc}) by the parameter's own count of updates.

    Everything is checked before anything is changed. `shapes` tells which slots a parameter has.
    """
    given = dict(_leaves(grads)){trees}
    found = []
    for path, x in _leaves(params):
        _check_param(path, x)
        if path not in given or path not in state["slots"]:
            break
        g, slots = given[path], state["slots"][path]
        dtype = np.float32 if x.dtype.itemsize < 4 else x.dtype
        for name, shape in shapes(x).items():
            slot = slots.get(name)
            if getattr(slot, "shape", None) != shape or (shape is not None and slot.dtype != dtype):
                was = "absent" if slot is None else f"{slot.dtype} of shape {slot.shape}"
                wanted = "none" if shape is None else f"{np.dtype(dtype)} of shape {shape}"
                raise ValueError(f"the slot {name!r} of {path!r} is {was}, the parameter needs {wanted}")
        if g is None:
            found.append((slots, x, None{none}))
            continue
        g = np.asarray(g)
        if g.shape != x.shape:
            raise ValueError(f"the gradient of {path!r} has shape {g.shape}, the parameter {x.shape}")
        if g.dtype.kind != "f" and g.dtype.name != "bfloat16":
            raise TypeError(f"the gradient of {path!r} is {g.dtype}: gradients are real floating arrays")
        # Where the parameter is its own gradient it would change while it is read.
{own}        found.append((slots, x, g.copy() if np.may_share_memory(x, g) else g{a}))
    if not len(found) == len(given) == len(state["slots"]):
        paths = {path for path, _ in _leaves(params)}
        odd = sorted((paths ^ state["slots"].keys()) | (paths ^ given.keys()))
        raise ValueError(f"params, grads and state do not have the same paths: {', '.join(map(repr, odd))}")
{paths}    state["step"] += 1
    work: dict[int, list[Any]] = {}
    for slots, x, g{a} in found:
        if g is not None:
            slots["step"] += 1
            if x.size:
                work.setdefault(slots["step"], []).append((x, g, slots{a}{kept}))
    return work
'''


INPUT = '''

def _input(name: str, given: Any, path: str, x: Any) -> Any:
    """The input of a parameter that has a gradient; None where the step goes without."""
    if given is None:
        return None
    if given.get(path) is None:
        raise ValueError(f"the input {name!r} of {path!r} is missing, its gradient is not")
    a = np.asarray(given[path])
    if a.shape != x.shape:
        raise ValueError(f"the input {name!r} of {path!r} has shape {a.shape}, the parameter {x.shape}")
    if a.dtype.kind != "f" and a.dtype.name != "bfloat16":
        raise TypeError(f"the input {name!r} of {path!r} is {a.dtype}: inputs are real floating arrays")
    return a.copy() if np.may_share_memory(x, a) else a
'''

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

INPUTS = {
    "{inputs}": ", inputs: dict[str, Any]",
    "{trees}": "\n    trees = {name: None if tree is None else dict(_leaves(tree)) for name, tree in inputs.items()}",
    "{none}": ", {}",
    "{own}": "        own = {name: _input(name, tree, path, x) for name, tree in trees.items()}\n",
    "{paths}": """    for name, tree in trees.items():
        if tree is not None and tree.keys() != given.keys():
            odd = sorted(tree.keys() ^ given.keys())
            raise ValueError(f"params and the input {name!r} do not have the same paths: {', '.join(map(repr, odd))}")
""",
    "{a}": ", own",
}
"""What `_work` has more for a rule with arrays as inputs."""


def work(kept: bool, placed: bool, inputs: bool) -> str:
    """What each parameter takes along. `kept`: a dict of what one phase leaves to the next; `placed`: its place in the
    tree, which tells its noise from that of others; `inputs`: those of the step."""
    more = (", kept" if kept else "") + (", place" if placed else "")
    text = WORK.replace("{doc}", (", inputs" if inputs else "") + more)
    if placed:
        text = text.replace("for slots, x, g{a} in found:", "for place, (slots, x, g{a}) in enumerate(found):")
    for place, part in INPUTS.items():
        text = text.replace(place, part if inputs else "")
    text = text.replace("{kept}", (", {}" if kept else "") + (", place" if placed else ""))
    return text + (INPUT if inputs else "")


WITHOUT = """

def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return tuple(n for i, n in enumerate(shape) if i != len(shape) + axis)
"""

FILLED = '''

def _filled(x: Any, axis: int, value: float) -> Any:
    """An array for the reduction of another over one axis, in the dtype of the arithmetic."""
    return np.full(_without(x.shape, axis), value, np.float32 if x.dtype.itemsize < 4 else x.dtype)
'''

WIDE = '''

def _wide(x: Any) -> Any:
    """The array in the dtype of the arithmetic: float32 at least."""
    return x.astype(np.float32) if x.dtype.itemsize < 4 else x
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
    come in the dtype of the arithmetic, float32 at least: a half-precision parameter is rounded once per block.
    """
    dtype = arrays[0].dtype
    if dtype.itemsize < 4:
        dtype = np.dtype(np.float32)
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
    return ((a >> np.uint32(8)) * 2.0**-24).reshape(like.shape).astype(_noisy(like))
'''

RADEMACHER = '''

def _rademacher(like: Any, noise: tuple[int, int, int], start: int, draw: int) -> Any:
    """Noise of -1 and 1."""
    a, _ = _words(like.size, noise, start, draw)
    return (1.0 - 2.0 * (a >> np.uint32(31))).reshape(like.shape).astype(_noisy(like))
'''

NORMAL = '''

def _normal(like: Any, noise: tuple[int, int, int], start: int, draw: int) -> Any:
    """Standard normal noise by Box and Muller, its angle folded to the first quadrant; rounded once."""
    a, b = _words(like.size, noise, start, draw)
    u = ((a >> np.uint32(8)) | np.uint32(1)) * 2.0**-24
    f = ((b >> np.uint32(8)) | np.uint32(1)) * 2.0**-24
    sign = 1.0 - 2.0 * (b & np.uint32(1))
    return (sign * np.sqrt(-2.0 * np.log(u)) * np.sin(math.pi / 2 * f)).reshape(like.shape).astype(_noisy(like))
'''

NOISY = '''

def _noisy(like: Any) -> Any:
    """The dtype of the arithmetic: float32 at least."""
    return np.float32 if like.dtype.itemsize < 4 else like.dtype
'''


QR = '''

def _qr(a: Any) -> tuple[Any, Any]:
    """Q and R of a square matrix, the diagonal of R nonnegative: each LAPACK has signs of its own."""
    q, r = np.linalg.qr(a)
    sign = np.where(np.linalg.diagonal(r) < 0, -1, 1).astype(a.dtype)
    return q * sign[..., None, :], r * sign[..., :, None]
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
    noise = {"_uniform": UNIFORM, "_normal": NORMAL, "_rademacher": RADEMACHER, "_words": WORDS, "_noisy": NOISY}
    helpers = noise | {
        "_filled": FILLED, "_blocks": BLOCKS, "_tiles": TILES, "_wide": WIDE, "_scalar": SCALAR, "_grads": GRADS,
        "_rebuilt": VIEWS, "_unfold": UNFOLD, "_fold": FOLD, "_spread": SPREAD,
        "_qr": QR, "_eye": EYE, "_solve_triangular": SOLVE, "_take": TAKE,
    }  # fmt: skip
    for name, text in helpers.items():
        if f"{name}(" in body + "".join(found):
            found.append(text)
    return ([WITHOUT] if "_without(" in body + "".join(found) else []) + found
