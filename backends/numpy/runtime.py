"""What a generated NumPy module does around its arithmetic, as text: checks, trees, and the work of a step."""

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
