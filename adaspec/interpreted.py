"""The interpreter's state, for `adaspec.save_state` and `load_state`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import array_api_compat
import numpy as np

from . import tree
from .interpret import State
from .portable import ParameterState, Place, PortableState, begun, packed, place, same_paths, unpacked
from .run import dtype_name
from .spec import Spec


def holds(source: Any) -> bool:
    return isinstance(source, State)


class Holder:
    """A `State` with the parameters that it is of: a tree of arrays of any array-API namespace."""

    def __init__(self, spec: Spec, source: State, params: Any) -> None:
        if params is None:
            raise TypeError("the state of an interpreter does not know its parameters: give params=")
        self.state = source
        self.params = tree.leaves(params)
        same_paths(self.params, source.slots)
        self.places: Mapping[str, Place] = {
            path: place(spec, path, tuple(x.shape), dtype_name(x), present=_shapes(source.slots[path]))
            for path, x in self.params.items()
        }

    def read(self) -> PortableState:
        parameters = {
            path: ParameterState(
                here.shape, here.dtype, self.state.steps[path],
                {name: packed(slot) for name, slot in self.state.slots[path].items()},
            )
            for path, here in self.places.items()
        }  # fmt: skip
        return PortableState(self.state.step, parameters, {n: float(v) for n, v in self.state.shared.items()})

    def write(self, state: PortableState) -> State:
        state = begun(state, self.read)
        kept = {path: state.parameters[path].slots or {} for path in self.places}
        slots = {
            path: {name: self.array(path, unpacked(kept[path][name])) for name in here.slots}
            for path, here in self.places.items()
        }
        steps = {path: state.parameters[path].step for path in self.places}
        shared = {name: state.shared[name] for name in self.state.shared}
        return replace(self.state, step=state.step, steps=steps, slots=slots, shared=shared)

    def array(self, path: str, value: np.ndarray) -> Any:
        x = self.params[path]
        if isinstance(x, np.ndarray | np.generic):
            return value
        return array_api_compat.array_namespace(x).asarray(value, device=array_api_compat.device(x))


def _shapes(slots: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(slot.shape) for name, slot in slots.items()}
