"""The state of an optimizer as no framework in particular holds it: arrays as bytes, by parameter path and slot name.

`Holder` is what each target says of its own optimizers; `fitting` holds a state against the parameters that it is for.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import Any, Protocol

import numpy as np

from . import facts, ir
from .complexes import REAL, refused, takes_complex
from .frozen import frozen
from .spec import Spec

SIZES = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "complex64": 8, "complex128": 16}
"""The dtypes that parameters and slots have, with the bytes of an element."""

LARGEST = 2**53
"""The largest count of updates: beyond, torch's float64 counters would skip numbers."""


@frozen
class Array:
    """An array bit for bit: the name of its dtype, its shape, and its elements in C order, little-endian.

    A complex element is its real and its imaginary part.
    """

    dtype: str
    shape: tuple[int, ...]
    data: bytes = field(repr=False)


@frozen
class ParameterState:
    """What is kept of one parameter. `step` counts its updates.

    `slots` is None where the optimizer has made none yet, as torch before a parameter's first gradient.
    """

    shape: tuple[int, ...]
    dtype: str
    step: int
    slots: Mapping[str, Array] | None


@frozen
class PortableState:
    """All that an optimizer remembers. `step` counts its updates; slots and Shareds have the names of the spec."""

    step: int
    parameters: Mapping[str, ParameterState]
    shared: Mapping[str, float]


@frozen
class Place:
    """Where the state of one parameter goes: its shape and dtype, and the slots that it has there."""

    shape: tuple[int, ...]
    dtype: str
    slots: Mapping[str, facts.SlotState]


class Holder(Protocol):
    """An optimizer of one target, or its state, with the parameters: what can be read of it and put into it."""

    places: Mapping[str, Place]
    """Every parameter by path."""

    def read(self) -> PortableState:
        """What it holds. ValueError where a portable state cannot say it."""
        ...

    def write(self, state: PortableState) -> Any:
        """What holds `state`, which fits `places`: a new state, or the optimizer itself, filled in place.

        ValueError before anything is changed where this target cannot say it.
        """
        ...


# Arrays


def packed(x: Any) -> Array:
    """An Array of a NumPy array, or of what NumPy can read."""
    x = np.asarray(x)
    return Array(x.dtype.name, x.shape, _little(x).tobytes())


def unpacked(array: Array) -> np.ndarray:
    """A NumPy array of its own. bfloat16 needs ml_dtypes, which JAX and TensorFlow bring along."""
    dtype = np.dtype(array.dtype) if array.dtype != "bfloat16" else _bfloat16()
    if dtype.byteorder == "=" and np.little_endian is False:
        dtype = dtype.newbyteorder("<")
    return np.frombuffer(array.data, dtype).reshape(array.shape).copy()


def widened(array: Array, dtype: str) -> Array:
    """The array in a dtype that holds every value of its own; the array itself where it is that or wider."""
    if SIZES.get(array.dtype, 0) >= SIZES.get(dtype, 0):
        return array
    return packed(unpacked(array).astype(dtype))


def _little(x: np.ndarray) -> np.ndarray:
    return x if x.dtype.name == "bfloat16" else x.astype(x.dtype.newbyteorder("<"), copy=False)


def _bfloat16() -> np.dtype:
    import ml_dtypes

    return np.dtype(ml_dtypes.bfloat16)


def transposed(array: Array, axes: tuple[int, ...]) -> Array:
    """The array with its axes in this order."""
    turned = np.frombuffer(array.data, f"V{SIZES[array.dtype]}").reshape(array.shape).transpose(axes)
    return Array(array.dtype, turned.shape, turned.tobytes())


# Places


def distinct(names: Sequence[str], what: str) -> None:
    """ValueError if two are the same; `what` says of what they are the names."""
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise ValueError(f"two {what} '{twice[0]}'")


def same_paths(params: Mapping[str, Any], slots: Mapping[str, Any]) -> None:
    """ValueError unless a state is of these parameters."""
    if odd := sorted(params.keys() ^ slots.keys()):
        raise ValueError(f"params and the state do not have the same paths: {', '.join(map(repr, odd))}")


def place(
    spec: Spec, path: str, shape: tuple[int, ...], dtype: str, hypers: Mapping[str, Any] | None = None,
    present: Mapping[str, tuple[int, ...]] | None = None,
) -> Place:  # fmt: skip
    """The place of a parameter, whose slots follow from the hyperparameters, or are those that are `present`.

    Of slots that are there the shapes are given: one that is cut to a rank says by itself what its rank is.
    TypeError for a parameter that no rule updates.
    """
    if dtype not in SIZES:
        raise TypeError(f"parameter '{path}' is {dtype}: parameters are floating arrays")
    if dtype in REAL and not takes_complex(spec):
        raise refused(spec, path, dtype)
    if present is None:
        return Place(shape, dtype, spec.state(shape, dtype, **dict(hypers or {})))
    slots = {s.name: s for s in spec.core.slots}
    found: dict[str, facts.SlotState] = {}
    try:
        for name, own in present.items():
            init = slots[name].init
            rank = {init.rank: own[init.cut]} if init.cut is not None and isinstance(init.rank, str) else {}
            found[name] = facts.slot_state(slots[name], shape, dtype, spec.defaults | rank)
    except (IndexError, KeyError):  # a slot of an axis that the parameter lacks, or of another rule
        raise ValueError(f"{spec.name} keeps no {sorted(present)} of '{path}', of shape {shape}") from None
    return Place(shape, dtype, found)


def deciding(spec: Spec) -> list[str]:
    """The hyperparameters on which it may depend whether a slot exists, and its shape."""
    return [h.name for h in spec.core.hypers if h.static or h.optional]


def counts_matter(spec: Spec) -> bool:
    """Whether the number of a parameter's updates enters its next one, or a view."""
    rule = spec.core
    first = any(s.init.kind == "first_grad" for s in rule.slots)
    return rule.step is not None or first or any(isinstance(n, ir.Draw) for n in ir.walk(spec.statements))


def one_count(spec: Spec, state: PortableState, target: str) -> int:
    """The count of updates where a target keeps one for the whole model. ValueError where it would be wrong."""
    odd = [path for path, p in state.parameters.items() if p.step != state.step]
    if odd and counts_matter(spec):
        step = state.parameters[odd[0]].step
        raise ValueError(
            f"parameter '{odd[0]}' was updated {step} times and the model {state.step} times: {target} keeps one count "
            f"for all, and {spec.name} depends on it{_more(odd)}"
        )
    return state.step


def begun(state: PortableState, read: Callable[[], PortableState]) -> PortableState:
    """`state` with the beginnings of what `read` returns, a state before its first step, for what has none yet.

    ValueError where that has been updated: what its slots began with is gone.
    """
    fresh = sorted(path for path, p in state.parameters.items() if p.slots is None)
    if not fresh:
        return state
    own = read().parameters
    if used := [path for path in fresh if own[path].step and own[path].slots]:
        raise ValueError(
            f"parameter '{used[0]}' was never updated, and what it is loaded into was: load into a fresh state"
        )
    filled = {path: replace(state.parameters[path], slots=own[path].slots) for path in fresh}
    return replace(state, parameters={**state.parameters, **filled})


# Does it fit?

SHOWN = 50


def key(path: str, slot: str) -> str:
    """The one name of a slot of a parameter: no slot's name has a dot, so the last one ends the path."""
    return f"{path}.{slot}"


def misfits(spec: Spec, state: PortableState, places: Mapping[str, Place]) -> list[str]:
    """Everything in which a state differs from what these parameters need; empty if it fits."""
    found = _keys(state.parameters.keys() - places.keys(), places.keys() - state.parameters.keys(), "parameters")
    extra, lacking, other = [], [], []
    for path in places.keys() & state.parameters.keys():
        have, want = state.parameters[path], places[path]
        if have.shape != want.shape:
            other.append(f"parameter '{path}' had shape {have.shape} and has {want.shape}")
            continue
        if not counter(have.step):
            other.append(f"parameter '{path}' was updated {have.step!r} times")
        if have.slots is None:
            other += [f"parameter '{path}' has no slots after {have.step} updates"] if have.step else []
            continue
        extra += [key(path, name) for name in have.slots.keys() - want.slots.keys()]
        lacking += [key(path, name) for name in want.slots.keys() - have.slots.keys()]
        for name in want.slots.keys() & have.slots.keys():
            slot, wanted = have.slots[name], want.slots[name]
            if (slot.shape, slot.dtype) != (wanted.shape, wanted.dtype):
                needed = f"{wanted.dtype} of shape {wanted.shape}"
                other.append(f"'{key(path, name)}' is {slot.dtype} of shape {slot.shape} and must be {needed}")
    found += _keys(extra, lacking, "slots")
    names = {s.name for s in spec.core.shared}
    found += _keys(state.shared.keys() - names, names - state.shared.keys(), "Shareds")
    if not counter(state.step):
        found.append(f"the model was updated {state.step!r} times")
    return found + _first(sorted(other))


def counter(value: object) -> bool:
    """Whether a value is a count of updates."""
    return type(value) is int and 0 <= value <= LARGEST


def counted(value: float, what: str) -> int:
    """A counter that a target keeps as some number. ValueError if it is no count."""
    if not (math.isfinite(value) and value == int(value) and counter(int(value))):
        raise ValueError(f"{what} counts {value} updates, which is no count")
    return int(value)


def _keys(extra: Iterable[str], lacking: Iterable[str], what: str) -> list[str]:
    rows = {"missing": sorted(lacking), "unexpected": sorted(extra)}
    return [f"{word} {what}: {', '.join(map(repr, _first(keys)))}" for word, keys in rows.items() if keys]


def _first(found: list[str]) -> list[str]:
    return found if len(found) <= SHOWN else [*found[:SHOWN], f"… and {len(found) - SHOWN} more"]


def _more(odd: list[str]) -> str:
    return f" (and {len(odd) - 1} more parameters)" if len(odd) > 1 else ""
