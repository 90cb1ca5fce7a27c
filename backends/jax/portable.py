"""The state of a generated optax transformation, for `adaspec.save_state` and `load_state`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from adaspec.lower import lower
from adaspec.portable import (
    SIZES,
    ParameterState,
    Place,
    PortableState,
    begun,
    counted,
    distinct,
    key,
    one_count,
    packed,
    place,
    unpacked,
)
from adaspec.spec import Spec
from adaspec.tree import joined
from adaspec.words import renamed, spoken

from . import Module

LARGEST = 2**31 - 1
"""The largest count of `optax.safe_increment`'s int32."""


def holds(source: Any) -> bool:
    return "jax" in sys.modules and isinstance(source, tuple) and "count" in getattr(source, "_fields", ())


class Leaves:
    """A tree of parameters by path, and trees of the same structure: the slots, by name and path."""

    slots: dict[str, dict[str, Any]]

    def __init__(self, params: Any) -> None:
        import jax

        from .flat import Flat

        if params is None:
            raise TypeError("the state of an optax transformation does not know its parameters: give params=")
        self.layout = params.layout if isinstance(params, Flat) else None
        """How the trees lie in vectors, where they do."""
        params = params.tree if self.layout is not None else params
        rows, self.structure = jax.tree_util.tree_flatten_with_path(params)
        paths = [_path(keys) for keys, _ in rows]
        distinct(paths, "parameters have the path")
        self.params = dict(zip(paths, (x for _, x in rows), strict=True))

    def flat(self, value: Any, field: str) -> dict[str, Any]:
        """A tree by path; None where it has none. ValueError if it is another structure."""
        if (layout := getattr(value, "layout", None)) != self.layout:
            raise ValueError(f"params and the state's {field!r} are trees of other shapes: only one of them is raveled")
        value = value if layout is None else value.tree
        try:
            found = self.structure.flatten_up_to(value)
        except (TypeError, ValueError) as error:
            raise ValueError(f"params and the state's {field!r} are trees of other shapes: {error}") from None
        return dict(zip(self.params, found, strict=True))

    def present(self, path: str) -> dict[str, tuple[int, ...]]:
        """The slots that a parameter has, with their shapes."""
        return {name: np.shape(slots[path]) for name, slots in self.slots.items() if slots[path] is not None}

    def count(self, spec: Spec, state: PortableState, target: str) -> int:
        """The count of updates that a state has here. ValueError where it is none, or too many."""
        count = one_count(spec, state, target)
        if count > LARGEST:
            raise ValueError(f"{count} updates are more than optax counts ({LARGEST})")
        return count

    def tree(self, name: str, state: PortableState) -> Any:
        """A slot of a state as a tree, each array where the one is whose place it takes."""
        found = [
            None if like is None else self.array(unpacked((state.parameters[path].slots or {})[name]), like)
            for path, like in self.slots[name].items()
        ]
        tree = self.structure.unflatten(found)
        return tree if self.layout is None else self.layout.joined(tree)

    def array(self, value: np.ndarray, like: Any) -> Any:
        """An array of its own, where `like` is."""
        import jax

        new = jax.numpy.array(value, copy=True)  # never memory of NumPy's, which a donation would hand on
        if new.dtype != value.dtype:
            raise ValueError(f"JAX makes {new.dtype} of {value.dtype}: enable x64")
        return jax.device_put(new, like.sharding) if getattr(like, "committed", False) else new


class Holder(Leaves):
    """What `init` of a transformation returns, with the tree of parameters that it is of."""

    def __init__(self, spec: Spec, source: Any, params: Any) -> None:
        super().__init__(params)
        names = Module(lower(spoken(spec, "jax"))).names
        new = renamed(spec, "jax")
        self.spec = spec
        self.fields = {s.name: names[new[s.name]] for s in spec.core.slots}
        self.shared = {s.name: names[new[s.name]] for s in spec.core.shared}
        wanted = {"count", *self.fields.values(), *self.shared.values()}
        if set(source._fields) != wanted:
            raise ValueError(f"{spec.name} keeps {sorted(wanted)}, this state has {sorted(source._fields)}")
        self.state = source
        self.slots = {name: self.leaves(field) for name, field in self.fields.items()}
        self.places: Mapping[str, Place] = {path: self.place(path) for path in self.params}

    def leaves(self, field: str) -> dict[str, Any]:
        """A slot of every parameter by path; None where it has none."""
        return self.flat(getattr(self.state, field), field)

    def place(self, path: str) -> Place:
        """The place of a parameter. Its slots have the dtypes that the factory was asked for."""
        from jax.numpy import result_type

        x = self.params[path]
        found = place(self.spec, path, np.shape(x), result_type(x).name, present=self.present(path))
        own = {name: result_type(self.slots[name][path]).name for name in found.slots}
        if odd := [name for name, dtype in own.items() if dtype not in SIZES]:
            raise TypeError(f"'{key(path, odd[0])}' is {own[odd[0]]}: slots are floating or complex arrays")
        return replace(found, slots={name: replace(slot, dtype=own[name]) for name, slot in found.slots.items()})

    def read(self) -> PortableState:
        if np.shape(self.state.count):
            raise ValueError(f"the state's count has shape {np.shape(self.state.count)}: a state of one run has ()")
        step = counted(int(self.state.count), "the state")
        parameters = {}
        for path, here in self.places.items():
            kept = {name: packed(self.slots[name][path]) for name in here.slots}
            parameters[path] = ParameterState(here.shape, here.dtype, step, kept)
        shared = {name: float(getattr(self.state, field)) for name, field in self.shared.items()}
        return PortableState(step, parameters, shared)

    def write(self, state: PortableState) -> Any:
        count = self.count(self.spec, state, "JAX")
        state = begun(state, self.read)
        fields = {"count": self.array(np.asarray(count, np.int32), self.state.count)}
        fields |= {field: self.tree(name, state) for name, field in self.fields.items()}
        for name, field in self.shared.items():
            like = getattr(self.state, field)
            fields[field] = self.array(np.asarray(state.shared[name], like.dtype), like)
        return self.state._replace(**fields)


def _path(keys: tuple[Any, ...]) -> str:
    """The path of a leaf, spelt as `adaspec.tree` does: `encoder/0/weight`."""
    path = ""
    for entry in keys:
        word = next((getattr(entry, n) for n in ("key", "idx", "name") if hasattr(entry, n)), entry)
        path = joined(path, word)
    return path
