"""What a generated NumPy module does around its arithmetic, as text: trees of arrays, and the work of a step."""

from __future__ import annotations

STATE = '''

def _past(state: Any{shared}) -> int:
    """The number of past updates."""
    if not isinstance(state, dict) or not state.keys() >= {"step", "shared", "slots"}:
        raise TypeError(f"the state is {type(state).__name__}, and not what init(params) returned")
{names}    return int(state["step"])
'''

SHARED = """    if state["shared"].keys() != set(shared):
        raise ValueError(f"the state shares {sorted(state['shared'])}, this optimizer {sorted(shared)}")
"""


def past(shared: bool) -> str:
    """The function that reads the count of a state; of a rule with Shareds it asks for these too."""
    text = STATE.replace("{names}", SHARED if shared else "")
    return text.replace("{shared}", ", *shared: str" if shared else "")


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
    """The parameters by path, each in memory of its own."""
    found: dict[str, Any] = {}
    for path, x in _leaves(params):
        if path in found:
            raise ValueError(f"two parameters have the path {path!r}")
        if type(x) is not np.ndarray and not isinstance(x, np.memmap):
            raise TypeError(f"parameter {path!r} is {type(x).__name__}: parameters are plain NumPy arrays")
{refused}        if x.dtype.kind {kinds} and x.dtype.name != "bfloat16":
            raise TypeError(f"parameter {path!r} is {x.dtype}: {floating}")
        found[path] = x
    memories = {id(x) if x.base is None else _memory(x.base) for x in found.values()}
    if len(memories) == len(found) and None not in memories:
        return found
    spans = sorted((*np.lib.array_utils.byte_bounds(x), path) for path, x in found.items() if x.size)
    for number, (_, end, path) in enumerate(spans):
        for start, _, other in spans[number + 1 :]:
            if start >= end:
                break
            if np.shares_memory(found[path], found[other]):
                raise ValueError(f"parameters {path!r} and {other!r} share memory: give a tied array once")
    return found


def _memory(base: Any) -> int | None:
    """Whose memory an array with this base lies in, by id; None where it is not NumPy's own."""
    return id(base) if type(base) is np.ndarray else None


def _dtype(x: Any) -> Any:
    """The dtype of the arithmetic and of slots: float32 at least, in the machine's byte order."""
    dtype = x.dtype
    if dtype.itemsize < 4:
        return np.dtype(np.float32)
    return dtype if dtype.isnative else dtype.newbyteorder("=")
'''

PAIRS = '''

def _pairs(x: Any) -> Any:
    """The parts of a complex array, in its own memory, on an axis of their own behind the others."""
    return x[..., None].view(x.real.dtype) if x.dtype.kind == "c" else x


def _all_pairs(slots: dict[str, Any]) -> dict[str, Any]:
    return {name: _pairs(a) if isinstance(a, np.ndarray) else a for name, a in slots.items()}
'''

WORK = '''

def _work(params: Any, grads: Any, state: dict[str, Any], forms: Any{inputs}) -> dict[int, list[Any]]:
    """Count this step, and group (parameter, gradient, slots{doc}) by the parameter's own count of updates.

    Everything is checked before anything is changed. `forms` tells which slots a parameter has.
    """
    arrays, given = _named(params), dict(_leaves(grads))
    odd = (arrays.keys() ^ given.keys()) | (arrays.keys() ^ state["slots"].keys())
    if odd:
        paths = ", ".join(map(repr, sorted(odd)))
        raise ValueError(f"params, grads and state do not have the same paths: {paths}")
{trees}    found = []
    for {place}(path, x){end} in {arrays}:
        g, slots = given[path], state["slots"][path]
        if not x.flags.writeable:
            raise ValueError(f"parameter {path!r} is read-only, and step writes into it: updated returns new ones")
        for name, form in forms(x).items():
            slot = slots.get(name)
            if (slot if slot is None else (slot.shape, slot.dtype)) != form:
                was = "absent" if slot is None else f"{slot.dtype} of shape {slot.shape}"
                wanted = "none" if form is None else f"{form[1]} of shape {form[0]}"
                raise ValueError(f"the slot {name!r} of {path!r} is {was}, the parameter needs {wanted}")
            if slot is not None and not slot.flags.writeable:
                raise ValueError(f"the slot {name!r} of {path!r} is read-only, and step writes into it")
        if g is not None:
            t, g = int(slots["step"]) + 1, _array("gradient", path, g, x)
{own}            found.append((t, x, g, slots{a}{placed}))
    shared = _shared(arrays.values(), {others})
    state["step"] = int(state["step"]) + 1
    work: dict[int, list[Any]] = {}
    for t, x, g, slots{a}{placed} in found:
        slots["step"] = t
        if x.size:
            # What lies in the memory of a parameter would change while it is read.
            g = g.copy() if id(g) in shared else g
{copies}{parts}            work.setdefault(t, []).append((x, g, slots{a}{kept}{placed}))
    return work


def _array(what: str, path: str, a: Any, x: Any) -> Any:
    """A gradient or an input as an array of the parameter's shape."""
    if type(a) is not np.ndarray:
        if isinstance(a, np.ma.MaskedArray):
            raise TypeError(f"the {what} of {path!r} is masked: fill it first, with a.filled(0)")
        a = np.asarray(a)
    if a.shape != x.shape:
        raise ValueError(f"the {what} of {path!r} has shape {a.shape}, the parameter {x.shape}")
    if a.dtype.kind {kinds} and a.dtype.name != "bfloat16":
        raise TypeError(f"the {what} of {path!r} is {a.dtype}, the parameter {x.dtype}: {both}")
    return a


def _shared(params: Any, others: list[Any]) -> set[int]:
    """The ids of those arrays that may share memory with a parameter."""
    memories = {id(x) if x.base is None else _memory(x.base) for x in params}
    if None not in memories:
        memories.add(None)
        others = [a for a in others if (id(a) if a.base is None else _memory(a.base)) in memories]
    near = [a for a in others if a.size]
    if not near:
        return set()
    spans = sorted(np.lib.array_utils.byte_bounds(x) for x in params if x.size)
    starts = np.array([start for start, _ in spans])
    reach = np.maximum.accumulate([0, *(end for _, end in spans)])
    bounds = [(id(a), *np.lib.array_utils.byte_bounds(a)) for a in near]
    return {i for i, low, high in bounds if reach[np.searchsorted(starts, high)] > low}
'''

INPUTS = {
    "{inputs}": ", inputs: dict[str, Any]",
    "{trees}": """    trees = {name: None if tree is None else dict(_leaves(tree)) for name, tree in inputs.items()}
    for name, tree in trees.items():
        if tree is not None and tree.keys() != arrays.keys():
            paths = ", ".join(map(repr, sorted(tree.keys() ^ arrays.keys())))
            raise ValueError(f"params and the input {name!r} do not have the same paths: {paths}")
""",
    "{own}": """            own = {}
            for name, tree in trees.items():
                if tree is not None and tree[path] is None:
                    raise ValueError(f"the input {name!r} of {path!r} is missing, its gradient is not")
                own[name] = None if tree is None else _array(f"input {name!r}", path, tree[path], x)
""",
    "{copies}": """            own = {name: a.copy() if id(a) in shared else a for name, a in own.items()}
""",
    "{a}": ", own",
}
"""What `_work` has more for a rule with arrays as inputs."""

PARTS = """            if x.dtype.kind == "c":
                x, g, slots = _pairs(x), _pairs(g), _all_pairs(slots)
"""
OWN_PARTS = """                own = {name: a if a is None else _pairs(a) for name, a in own.items()}
"""

ONE_KIND = """    if (a.dtype.kind == "c") != (x.dtype.kind == "c"):
        raise TypeError(f"the {what} of {path!r} is {a.dtype}, the parameter {x.dtype}: both are real, or both complex")
"""


REFUSED = """        if x.dtype.kind == "c":
@why@            raise TypeError(f"parameter {path!r} is {x.dtype}: {why}")
"""


def tree(refused: list[str]) -> str:
    """The functions about trees of parameters. `refused` says why complex ones are; empty where they are not."""
    why = "".join(f"            {line}\n" for line in refused)
    text = TREE.replace("{refused}", REFUSED.replace("@why@", why) if refused else "")
    return _kinds(text, not refused) + ("" if refused else PAIRS)


def _kinds(text: str, takes_complex: bool) -> str:
    floating = "parameters are floating arrays" if takes_complex else "parameters are real floating arrays"
    both = "both are floating arrays" if takes_complex else "both are real floating arrays"
    kinds = 'not in "fc"' if takes_complex else '!= "f"'
    return text.replace("{kinds}", kinds).replace("{floating}", floating).replace("{both}", both)


def work(kept: bool, placed: bool, inputs: bool, takes_complex: bool) -> str:
    """What each parameter takes along. `kept`: a dict of what one phase leaves to the next; `placed`: its place in the
    tree, which tells its noise from that of others; `inputs`: those of the step."""
    more = (", kept" if kept else "") + (", place" if placed else "")
    text = WORK.replace("{doc}", (", inputs" if inputs else "") + more)
    text = text.replace("{parts}", (PARTS + (OWN_PARTS if inputs else "")) if takes_complex else "")
    others = "[g for _, _, g, *_ in found]"
    if inputs:
        others = "[a for _, _, g, _, own, *_ in found for a in (g, *own.values()) if a is not None]"
    text = text.replace("{others}", others)
    for place, part in INPUTS.items():
        text = text.replace(place, part if inputs else "")
    text = text.replace(
        "for {place}(path, x){end} in {arrays}:",
        "for place, (path, x) in enumerate(arrays.items()):" if placed else "for path, x in arrays.items():",
    )
    text = text.replace("{kept}", ", {}" if kept else "").replace("{placed}", ", place" if placed else "")
    if takes_complex:
        text = text.replace("    return a\n", ONE_KIND + "    return a\n")
    return _kinds(text, takes_complex)
