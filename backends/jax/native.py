"""The state of one of optax's own transformations, read and written through the words of the dialect that equals it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from adaspec.frozen import frozen
from adaspec.lower import lower
from adaspec.portable import (
    ParameterState,
    PortableState,
    begun,
    counted,
    key,
    packed,
    place,
    widened,
)
from adaspec.spec import Spec
from adaspec.words import renamed, spoken, words

from . import Module
from .portable import Leaves

COUNTS = ("count", "step_count", "count_m2", "t")
"""What optax calls the number of updates made, in states of several kinds."""

WRAPPING = {"inner_state", "hyperparams", "hyperparams_states"}
"""What `inject_hyperparams` keeps beside the state of what it wraps: hyperparameters, which are nobody's state."""

Where = tuple[int | str, ...]


@frozen
class Field:
    """A field of a named tuple somewhere inside a state."""

    where: Where
    name: str
    value: Any


class Native(Leaves):
    """A state that optax's `init` made: named tuples inside of tuples, whose fields are found by name.

    Of a wrapper's state give what it wraps; `inject_hyperparams` and chains are looked through.
    """

    def __init__(self, spec: Spec, source: Any, params: Any) -> None:
        from jax.numpy import result_type

        super().__init__(params)
        self.spec, self.state = spec, source
        table = words(spec, "jax")
        names, new = Module(lower(spoken(spec, "jax"))).names, renamed(spec, "jax")
        self.fields = {
            s.name: str(table[s.name].word) if s.name in table else names[new[s.name]] for s in spec.core.slots
        }
        self.shared = {
            s.name: str(table[s.name].word) if s.name in table else names[new[s.name]] for s in spec.core.shared
        }
        every = list(_fields(source, ()))
        self.counts = [f for f in every if f.name in COUNTS and np.shape(f.value) == () and _whole(f.value)]
        self.found: dict[str, Field] = {}
        for name, word in {**self.fields, **self.shared}.items():
            here = [f for f in every if f.name == word]
            if len(here) > 1:
                raise ValueError(f"the state holds {len(here)} fields '{word}': give the part that is {spec.name}'s")
            if here:
                self.found[name] = here[0]
        if every and self.fields and not any(name in self.found for name in self.fields):
            known = sorted({f.name for f in every})
            raise ValueError(f"{spec.name} keeps {sorted(self.fields.values())} in optax, this state has {known}")
        known = {(*f.where, f.name) for f in (*self.counts, *self.found.values())}
        self.others = sorted({f.name for f in every if (*f.where, f.name) not in known and _holds(f.value)} - WRAPPING)
        more = sorted({f.name for f in every if f.name in self.others and _arrays(f.value)})
        if more:
            raise ValueError(f"the state also holds {more}, of which {spec.name} knows nothing")
        self.slots = {name: self.leaves(name) for name in self.fields}
        self.places: Mapping[str, Any] = {
            path: place(spec, path, np.shape(x), result_type(x).name, present=self.present(path))
            for path, x in self.params.items()
        }

    def leaves(self, name: str) -> dict[str, Any]:
        """A slot of every parameter by path; None where it has none."""
        if name not in self.found:
            return dict.fromkeys(self.params)
        return self.flat(self.found[name].value, name)

    def read(self) -> PortableState:
        counts = {counted(int(f.value), "the state") for f in self.counts}
        if len(counts) > 1:
            raise ValueError(f"the state counts {sorted(counts)} updates: a portable state has one count")
        step = counts.pop() if counts else 1  # what counts nothing cannot tell how often it was updated
        parameters = {}
        for path, here in self.places.items():
            kept = {name: widened(packed(self.slots[name][path]), slot.dtype) for name, slot in here.slots.items()}
            parameters[path] = ParameterState(here.shape, here.dtype, step, kept)
        return PortableState(step, parameters, {name: float(self.found[name].value) for name in self.shared})

    def write(self, state: PortableState) -> Any:
        count = self.count(self.spec, state, "optax")
        if self.others:
            raise ValueError(f"the state also holds {self.others}, of which {self.spec.name} knows nothing")
        state = begun(state, self.read)
        for name, slots in self.slots.items():
            for path, like in slots.items():
                if like is not None and like.dtype.name != self.places[path].slots[name].dtype:
                    what = f"'{key(path, name)}' is {self.places[path].slots[name].dtype}, and optax keeps {like.dtype}"
                    raise ValueError(f"{what}: it would be rounded")
        new: dict[Where, Any] = {
            (*f.where, f.name): self.array(np.asarray(count, f.value.dtype), f.value) for f in self.counts
        }
        for name in self.fields.keys() & self.found.keys():
            f = self.found[name]
            new[(*f.where, f.name)] = self.tree(name, state)
        for name in self.shared:
            f = self.found[name]
            new[(*f.where, f.name)] = self.array(np.asarray(state.shared[name], f.value.dtype), f.value)
        return _replaced(self.state, (), new)


def _fields(state: Any, where: Where) -> Iterator[Field]:
    """Every field of every named tuple in a state, outermost first; what is inside of parameters' trees is none."""
    if hasattr(state, "_fields"):
        for name in state._fields:
            value = getattr(state, name)
            if _nested(value):
                yield from _fields(value, (*where, name))
            else:
                yield Field(where, name, value)
    elif type(state) is tuple:
        for i, part in enumerate(state):
            yield from _fields(part, (*where, i))


def _nested(value: Any) -> bool:
    """Whether a field holds states: named tuples of their own, alone or in a tuple."""
    return hasattr(value, "_fields") or (type(value) is tuple and bool(value) and all(map(_nested, value)))


def _replaced(state: Any, where: Where, new: Mapping[Where, Any]) -> Any:
    if hasattr(state, "_fields"):
        parts = {}
        for name in state._fields:
            here, value = (*where, name), getattr(state, name)
            parts[name] = new[here] if here in new else _replaced(value, here, new) if _nested(value) else value
        return state._replace(**parts)
    if type(state) is tuple:
        return tuple(_replaced(part, (*where, i), new) for i, part in enumerate(state))
    return state


def _arrays(value: Any) -> bool:
    """Whether a field holds more than numbers of the whole model."""
    import jax

    return any(np.ndim(leaf) for leaf in jax.tree.leaves(value))


def _whole(value: Any) -> bool:
    return np.issubdtype(np.asarray(value).dtype, np.integer)


def _holds(value: Any) -> bool:
    """Whether a field holds any array at all."""
    import jax

    return bool(jax.tree.leaves(value))
