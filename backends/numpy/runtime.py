"""The helper functions that every generated NumPy module carries, as text."""

from __future__ import annotations

COMMON = '''

def _real(name: str, value: Any, domain: str, inside: Any) -> Any:
    """A real hyperparameter: a number in its domain, or a function of the number of past updates."""
    if callable(value):
        return value
    if isinstance(value, str):
        raise TypeError(f"Invalid {name}: {value!r} is not a number")
    h = float(value)
    if not (math.isfinite(h) and inside(h)):
        raise ValueError(f"Invalid {name}: {value}, must be in {domain}")
    return h


def _count(name: str, value: Any) -> int:
    """A static integer hyperparameter."""
    if isinstance(value, (bool, str)) or int(value) != value or value < 0:
        raise ValueError(f"Invalid {name}: {value}, must be an integer >= 0")
    return int(value)


def _flag(name: str, value: Any) -> bool:
    """A static truth value."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"Invalid {name}: {value!r} is not True or False")
    return bool(value)


def _now(value: Any, t: int) -> Any:
    """A hyperparameter in update t: a function is called with the number of updates before it."""
    return float(value(max(t - 1, 0))) if callable(value) else value


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


def _check_param(path: str, x: Any) -> None:
    if not isinstance(x, np.ndarray):
        raise TypeError(f"parameter {path!r} is {type(x).__name__}: parameters are NumPy arrays")
    if x.dtype.kind not in "f" and x.dtype.name != "bfloat16":
        raise TypeError(f"parameter {path!r} is {x.dtype}: parameters are real floating arrays")
    if not x.flags.writeable:
        raise ValueError(f"parameter {path!r} is read-only: it is updated in place")


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return tuple(n for i, n in enumerate(shape) if i != len(shape) + axis)


def _work(params: Any, grads: Any, state: dict[str, Any]) -> dict[int, list[tuple[Any, Any, dict[str, Any]]]]:
    """Count this step, and group (parameter, gradient, slots) by the parameter's own count of updates."""
    found = dict(_leaves(params))
    given = dict(_leaves(grads))
    if found.keys() != state["slots"].keys() or found.keys() != given.keys():
        odd = sorted((found.keys() ^ state["slots"].keys()) | (found.keys() ^ given.keys()))
        raise ValueError(f"params, grads and state do not have the same paths: {', '.join(map(repr, odd))}")
    for path, x in found.items():
        _check_param(path, x)
        if given[path] is not None and np.shape(given[path]) != x.shape:
            raise ValueError(f"the gradient of {path!r} has shape {np.shape(given[path])}, the parameter {x.shape}")
    state["step"] += 1
    work: dict[int, list[tuple[Any, Any, dict[str, Any]]]] = {}
    for path, x in found.items():
        if given[path] is not None:
            slots = state["slots"][path]
            slots["step"] += 1
            if x.size:
                work.setdefault(slots["step"], []).append((x, np.asarray(given[path]), slots))
    return work
'''

DENSE = '''

def _wide(x: Any) -> Any:
    """The array in the dtype of the arithmetic: float32 at least."""
    return x.astype(np.float32) if x.dtype.itemsize < 4 else x
'''

VIEWS = '''

def _rebuilt(tree: Any, change: Any, path: str = "") -> Any:
    """A tree of the same shape with `change(path, array)` for every array."""
    if isinstance(tree, Mapping):
        return {key: _rebuilt(tree[key], change, f"{path}/{key}" if path else str(key)) for key in tree}
    if isinstance(tree, (list, tuple)):
        items = [_rebuilt(item, change, f"{path}/{i}" if path else str(i)) for i, item in enumerate(tree)]
        return items if isinstance(tree, list) else tuple(items)
    return change(path, tree)
'''

BLOCKS = '''

BLOCK = 2**16  # elements: what a block and its temporaries take stays in the cache


def _blocks(arrays: list[Any], temporaries: int) -> Iterator[list[Any]]:
    """The arrays in flat blocks that may be written, each with temporaries of its size.

    All are seen in the dtype of the second array onwards' arithmetic: float32, or float64 for float64 parameters; a
    half-precision parameter (the first array) is rounded once, when its block is done.
    """
    dtype = np.dtype(np.float32) if arrays[0].dtype.itemsize < 4 else arrays[0].dtype
    scratch = [np.empty(min(BLOCK, arrays[0].size), dtype) for _ in range(temporaries)]
    for block in _parts(arrays):
        size = block[0].size
        wide = [a if a.dtype == dtype else a.astype(dtype) for a in block]
        yield [*wide, *(tmp[:size] for tmp in scratch)]
        if wide[0] is not block[0]:
            block[0][...] = wide[0]


def _parts(arrays: list[Any]) -> Iterator[list[Any]]:
    if not all(a.flags.c_contiguous for a in arrays):
        if all(a.flags.f_contiguous for a in arrays):
            arrays = [a.T for a in arrays]
        elif arrays[0].ndim > 1:
            for rows in zip(*arrays):
                yield from _parts(list(rows))
            return
    flat = [a.reshape(-1) if a.flags.c_contiguous else a for a in arrays]
    for start in range(0, flat[0].size, BLOCK):
        yield [a[start : start + BLOCK] for a in flat]
'''
