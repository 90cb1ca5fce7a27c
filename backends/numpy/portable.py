"""The state of a generated NumPy class, for `adaspec.save_state` and `load_state`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from adaspec import tree
from adaspec.lower import lower
from adaspec.portable import ParameterState, Place, PortableState, begun, counted, packed, place, same_paths, unpacked
from adaspec.spec import Spec

from . import Emitter


def holds(source: Any) -> bool:
    return isinstance(source, dict) and source.keys() == {"step", "shared", "slots"}


class Holder:
    """What `init` returns, with the tree of parameters that it is of."""

    def __init__(self, spec: Spec, source: dict[str, Any], params: Any) -> None:
        if params is None:
            raise TypeError("the state of a NumPy optimizer does not know its parameters: give params=")
        names = Emitter(lower(spec.laid_out("numpy"))).names
        self.keys = {s.name: names.key(s.name) for s in spec.core.slots}
        self.state = source
        self.params = tree.leaves(params)
        if odd := [path for path, x in self.params.items() if not isinstance(x, np.ndarray)]:
            raise TypeError(
                f"parameter '{odd[0]}' is {type(self.params[odd[0]]).__name__}: parameters are NumPy arrays"
            )
        same_paths(self.params, source["slots"])
        wanted = {"step", *self.keys.values()}
        for path, slots in source["slots"].items():
            if slots.keys() != wanted:
                raise ValueError(f"{spec.name} keeps {sorted(wanted)} of '{path}', this state has {sorted(slots)}")
        self.places: Mapping[str, Place] = {
            path: place(spec, path, x.shape, x.dtype.name, present=self.present(path))
            for path, x in self.params.items()
        }

    def present(self, path: str) -> dict[str, tuple[int, ...]]:
        """The slots that a parameter has, with their shapes."""
        slots = self.state["slots"][path]
        return {name: np.shape(slots[key]) for name, key in self.keys.items() if slots[key] is not None}

    def read(self) -> PortableState:
        parameters = {}
        for path, here in self.places.items():
            slots = self.state["slots"][path]
            kept = {name: packed(slots[self.keys[name]]) for name in here.slots}
            parameters[path] = ParameterState(
                here.shape, here.dtype, counted(slots["step"], f"parameter '{path}'"), kept
            )
        shared = {name: float(value) for name, value in self.state["shared"].items()}
        return PortableState(counted(self.state["step"], "the model"), parameters, shared)

    def write(self, state: PortableState) -> dict[str, Any]:
        state = begun(state, self.read)
        slots: dict[str, Any] = {}
        for path in self.places:
            kept = state.parameters[path]
            found = {name: unpacked(a) for name, a in (kept.slots or {}).items()}
            slots[path] = {"step": kept.step} | {key: found.get(name) for name, key in self.keys.items()}
        shared = {name: state.shared[name] for name in self.state["shared"]}
        return {"step": state.step, "shared": shared, "slots": slots}
