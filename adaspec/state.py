"""State that travels: saved from one framework's optimizer, resumed in another's, in the middle of a run.

A state is read into a `PortableState`, which knows slots by parameter path and name and no framework; `statefile` puts
it into a file. Everything is checked before anything is changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .errors import SpecError
from .holders import another_rule, held
from .kindred import same_optimizer
from .portable import Array, Holder, ParameterState, PortableState, key, misfits, transposed
from .spec import Spec, make
from .statefile import Saved, decoded, encoded
from .wholefile import write_bytes

Names = Mapping[str, str] | Callable[[str], str]


def save_state(source: Any, path: str | os.PathLike[str], /, *, params: Any = None, spec: Any = None) -> None:
    """Write the state of an optimizer to one safetensors file, whole or not at all.

    `source`: a torch or Keras optimizer, or the state of an optax transformation, a NumPy optimizer or an interpreter.
    `params`: the tree of parameters for the last three, from which slots have their paths. For torch what names the
    parameters: a module, or pairs or a dict of names and parameters; without, they have the names that the optimizer
    was given, else their positions. A Keras optimizer needs none.
    `spec`: whose state it is, where `source` does not say: NumPy's and the interpreter's states, and what exported code
    made. A spec, its name, or an optimizer made of it.

    Raises ValueError for a state that is none of the rule's, TypeError for what is no state.
    """
    target, holder, rule = held(source, params, spec)
    write_bytes(Path(path), encoded(rule, target, whole(holder, rule)))


def load_state(
    path: str | os.PathLike[str], into: Any, /, *, params: Any = None, spec: Any = None, names: Names | None = None,
    transpose: Mapping[str, Sequence[int]] | None = None,
) -> Any:  # fmt: skip
    """The state of a file in the place of `into`'s: returned anew for pure states, filled into torch's and Keras's.

    `into`: as `save_state`'s source: an optimizer, or a state as `init` makes it, which is left as it is.
    `params`, `spec`: as `save_state` takes them, for `into`.
    `names`: paths of the file and what they are here, or a function of the one to the other.
    `transpose`: by path here, the axes of the file in the order that they have here.

    Everything is checked first: the file is whole, the rule is the same (its hash), and so are the paths, the slots,
    their shapes and dtypes, and the counters. ValueError lists what does not fit, and nothing has been changed.
    """
    where = os.fspath(path)
    _, holder, rule = held(into, params, spec)
    saved = decoded(Path(path).read_bytes(), where)
    if not of_the_same(saved, rule):
        raise another_rule(where, saved, rule)
    return filled(holder, rule, saved.state, names, transpose, where)


def whole(holder: Holder, rule: Spec) -> PortableState:
    """The state that `holder` has. ValueError if it is none of the rule's."""
    state = holder.read()
    if wrong := misfits(rule, state, holder.places):
        raise ValueError(_listed(f"this is no state of {rule.name}", wrong))
    return state


def of_the_same(saved: Saved, rule: Spec) -> bool:
    """Whether a file holds the state of a rule: of the very one, or of one that is the same optimizer."""
    if saved.hash == rule.hash:
        return True
    try:
        other = make(saved.text, quiet=True)
    except SpecError:
        return False
    return other.hash == saved.hash and same_optimizer(other, rule)


def filled(
    holder: Holder, rule: Spec, state: PortableState, names: Names | None,
    transpose: Mapping[str, Sequence[int]] | None, where: str,
) -> Any:  # fmt: skip
    """What `holder` makes of a state that comes from `where`. ValueError, with nothing changed, if it does not fit."""
    state = turned(rule, state, names, transpose, where)
    if wrong := misfits(rule, state, holder.places):
        odd = state.parameters.keys() != holder.places.keys()
        hint = ["names= says what the paths of the file are here"] if odd and names is None else []
        raise ValueError(_listed(f"{where} does not fit", wrong + hint))
    return holder.write(state)


def turned(
    spec: Spec, state: PortableState, names: Names | None, transpose: Mapping[str, Sequence[int]] | None, where: str
) -> PortableState:
    """A state under the paths, and with the axes, that it has elsewhere."""
    return _turned(spec, _renamed(state, names, where), transpose or {}, where)


def _renamed(state: PortableState, names: Names | None, where: str) -> PortableState:
    """The same under the paths here."""
    if names is None:
        return state
    if isinstance(names, Mapping):
        if odd := sorted(names.keys() - state.parameters.keys()):
            raise ValueError(f"names= speaks of {odd}, which {where} does not hold: it has {sorted(state.parameters)}")
        table = dict(names)
    else:
        table = {path: names(path) for path in state.parameters}
    found: dict[str, ParameterState] = {}
    for path, p in state.parameters.items():
        new = table.get(path, path)
        if new in found:
            raise ValueError(f"names= gives two parameters of {where} the path '{new}'")
        found[new] = p
    return replace(state, parameters=found)


def _turned(spec: Spec, state: PortableState, axes: Mapping[str, Sequence[int]], where: str) -> PortableState:
    """The same with some parameters, and the slots of their shapes, transposed."""
    found = dict(state.parameters)
    # By declaration: the statistics of one axis of a square matrix have its shape, and do not turn with it.
    whole = {s.name for s in spec.core.slots if s.init.whole}
    for path, order in axes.items():
        if path not in found:
            raise ValueError(f"transpose= speaks of '{path}', which {where} does not hold")
        p = found[path]
        turn = tuple(order)
        if sorted(turn) != list(range(len(p.shape))):
            raise ValueError(f"transpose= orders the axes of '{path}', of shape {p.shape}, as {turn}")
        slots: dict[str, Array] = {}
        for name, slot in (p.slots or {}).items():
            if slot.shape and name not in whole:
                what = f"'{key(path, name)}', of shape {slot.shape}, is not of its parameter's shape"
                raise ValueError(f"{what}: it cannot be transposed")
            slots[name] = transposed(slot, turn) if name in whole and slot.shape == p.shape else slot
        turned = tuple(p.shape[a] for a in turn)
        found[path] = replace(p, shape=turned, slots=None if p.slots is None else slots)
    return replace(state, parameters=found)


def _listed(head: str, rows: list[str]) -> str:
    return "\n  ".join([f"{head}:", *rows])
