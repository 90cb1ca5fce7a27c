"""The state of a generated Keras optimizer, for `adaspec.save_state` and `load_state`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from adaspec.lower import lower
from adaspec.portable import (
    Array,
    ParameterState,
    Place,
    PortableState,
    begun,
    counted,
    deciding,
    distinct,
    one_count,
    packed,
    place,
    unpacked,
)
from adaspec.spec import Spec
from adaspec.words import renamed, spoken

from .names import Names


def holds(source: Any) -> bool:
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(source, keras.optimizers.Optimizer)


class Holder:
    """A built optimizer; its variables have their own paths."""

    def __init__(self, spec: Spec, source: Any, params: Any) -> None:
        if params is not None:
            raise TypeError("a Keras optimizer knows its variables by their own paths: leave params= out")
        if not source.built:
            raise ValueError("the optimizer knows no variables yet: call build(model.trainable_variables) first")
        shown = getattr(source, "_shown", None)
        if shown is not None and int(shown.numpy()):
            raise RuntimeError("the variables show a view: call swap_view first")
        self.spec, self.optimizer = spec, source
        self.names = Names(lower(spoken(spec, "tensorflow")))
        self.renamed = renamed(spec, "tensorflow")
        variables = list(source._trainable_variables)
        paths = [getattr(v, "path", v.name) for v in variables]
        distinct(paths, "variables have the path")
        hypers = self.hypers()
        self.index = {path: i for i, path in enumerate(paths)}
        self.places: Mapping[str, Place] = {
            path: place(spec, path, tuple(v.shape), _dtype(v), hypers) for path, v in zip(paths, variables, strict=True)
        }

    def hypers(self) -> dict[str, Any]:
        """The hyperparameters on which it depends which slots there are."""
        found = {name: self.spec.defaults[name] for name in deciding(self.spec)}
        for own in found.keys() & self.renamed.keys():  # of those that the native optimizer has not: its own are these
            hyper = self.names.lowered.rule.hyper(self.renamed[own])
            assert hyper is not None
            value = getattr(self.optimizer, self.names.held[hyper.name].removeprefix("self."))
            nothing = self.names.nothing(hyper)
            found[own] = None if nothing is not None and value == nothing else value
        return found

    def slot(self, path: str, name: str) -> Any:
        """The variable of a slot; None where it has none."""
        return getattr(self.optimizer, self.names.state[self.renamed[name]])[self.index[path]]

    def shared(self, name: str) -> Any:
        return getattr(self.optimizer, self.names.state[self.renamed[name]])

    def read(self) -> PortableState:
        raw = counted(int(_value(self.optimizer._iterations)), "the optimizer")
        every = self.optimizer.gradient_accumulation_steps or 1
        if raw % every:
            raise ValueError(f"{raw % every} of {every} gradients are accumulated: save between updates")
        parameters = {}
        for path, here in self.places.items():
            found = {s.name: self.slot(path, s.name) for s in self.spec.core.slots}
            kept = {name: self.packed(path, name, v) for name, v in found.items() if v is not None}
            parameters[path] = ParameterState(here.shape, here.dtype, raw // every, kept)
        shared = {s.name: float(_value(self.shared(s.name))) for s in self.spec.core.shared}
        return PortableState(raw // every, parameters, shared)

    def packed(self, path: str, name: str, variable: Any) -> Array:
        """The value of a slot's variable."""
        return packed(_value(variable))

    def write(self, state: PortableState) -> Any:
        optimizer = self.optimizer
        raw = one_count(self.spec, state, "Keras") * (optimizer.gradient_accumulation_steps or 1)
        state = begun(state, self.read)
        new = [(optimizer._iterations, np.asarray(raw, "int64"))]
        new += [(self.shared(name), np.asarray(value, "float64")) for name, value in state.shared.items()]
        for path in self.places:
            for name, array in (state.parameters[path].slots or {}).items():
                new.append((self.slot(path, name), unpacked(array)))
        if optimizer.gradient_accumulation_steps:
            new += [(v, np.zeros(tuple(v.shape))) for v in optimizer._accumulated_gradients]
        for variable, value in new:
            variable.assign(value)
        return optimizer


def _dtype(variable: Any) -> str:
    return str(getattr(variable.dtype, "name", variable.dtype))


def _value(variable: Any) -> np.ndarray:
    return np.asarray(variable.numpy())
