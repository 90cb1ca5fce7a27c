"""State that travels: saved from one framework's optimizer, resumed in another's, in the middle of a run.

A state is read into a `PortableState`, which knows slots by parameter path and name and no framework; `statefile` puts
it into a file. Everything is checked before anything is changed.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .build import TARGETS, made_of
from .interpret import Interpreter
from .library import load
from .portable import Array, Holder, ParameterState, PortableState, key, misfits, transposed
from .spec import Spec
from .statefile import decoded, encoded
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
    target, holder, rule = _held(source, params, spec)
    state = holder.read()
    if wrong := misfits(rule, state, holder.places):
        raise ValueError(_listed(f"this is no state of {rule.name}", wrong))
    write_bytes(Path(path), encoded(rule, target, state))


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
    _, holder, rule = _held(into, params, spec)
    saved = decoded(Path(path).read_bytes(), where)
    if saved.hash != rule.hash:
        other = f"{saved.name} ({saved.hash[:12]})"
        raise ValueError(f"{where} holds the state of {other}, not of {_called(rule)}: another rule")
    state = _turned(rule, _renamed(saved.state, names, where), transpose or {}, where)
    if wrong := misfits(rule, state, holder.places):
        odd = state.parameters.keys() != holder.places.keys()
        hint = ["names= says what the paths of the file are here"] if odd and names is None else []
        raise ValueError(_listed(f"{where} does not fit", wrong + hint))
    return holder.write(state)


def _held(source: Any, params: Any, given: Any) -> tuple[str, Holder, Spec]:
    """The target of a source, what it holds, and whose state it is."""
    known = made_of(source)
    asked = None if given is None else _spec(given)
    if known is not None and asked is not None and known.hash != asked.hash:
        raise ValueError(f"this is a state of {_called(known)}, and spec= is {_called(asked)}")
    for target in ("interpreter", *TARGETS):
        home = "adaspec.interpreted" if target == "interpreter" else f"adaspec.backends.{target}.portable"
        module = importlib.import_module(home)
        if module.holds(source):
            rule = known or asked
            if rule is None:
                hint = "give spec=, or of a wrapper what it wraps (inner_optimizer, inner_state)"
                raise TypeError(f"{type(source).__name__} does not say of which rule it is: {hint}")
            return target, module.Holder(rule, source, params), rule
    what = "a torch or Keras optimizer, or a state of optax (of a chain its member), NumPy or an interpreter"
    raise TypeError(f"{type(source).__name__} is no state that adaspec knows: it takes {what}")


def _called(spec: Spec) -> str:
    return f"{spec.name} ({spec.hash[:12]})"


def _spec(given: Any) -> Spec:
    if isinstance(given, Spec):
        return given
    if isinstance(given, str):
        return load(given)
    if isinstance(given, Interpreter):
        return given.spec
    found = made_of(given)
    if found is None:
        raise TypeError(f"spec= is a spec, its name, or an optimizer made of it, not {type(given).__name__}")
    return found


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
