"""What a reference is: hyperparameters with the source's defaults, how its state begins, and one update."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace as Record
from typing import Any

import numpy as np

Array = np.ndarray
Model = list[Array]


@dataclass
class State:
    """Hyperparameters `h`, updates so far `t`, one record of slots per array, one record of scalars for the model."""

    h: Record
    arrays: list[Record]
    model: Record
    t: int = 0


@dataclass(frozen=True)
class Reference:
    hypers: dict[str, Any]
    begin: Callable[[Array], dict[str, Any]]
    whole: dict[str, float] = field(default_factory=dict)
    update: Callable[..., Array] | None = None
    prepare: Callable[[Model, Model, State], None] | None = None

    def init(self, params: Model, **hypers: Any) -> State:
        unknown = set(hypers) - set(self.hypers)
        assert not unknown, f"no such hyperparameter: {unknown}"
        h = Record(**(self.hypers | hypers))
        return State(h, [Record(**self.begin(x)) for x in params], Record(**self.whole))

    def step(self, params: Model, grads: Model, state: State) -> Model:
        """One update of every array; an array without elements has nothing to update and stays as it is."""
        assert self.update is not None
        state.t += 1
        if self.prepare:
            self.prepare(params, grads, state)
        return [
            self.update(x, g, state.t, s, state.h, state.model) if x.size else x
            for x, g, s in zip(params, grads, state.arrays, strict=True)
        ]


REFERENCES: dict[str, Reference] = {}


def rule(slots: str = "", begin=None, whole=None, prepare=None, **hypers: Any):
    """Register an update of one array; `slots` begin as zeros of its shape unless `begin` says otherwise."""

    def zeros(x: Array) -> dict[str, Any]:
        return {name: np.zeros_like(x) for name in slots.split()}

    def register(update: Callable[..., Array]) -> Callable[..., Array]:
        REFERENCES[update.__name__] = Reference(hypers, begin or zeros, whole or {}, update, prepare)
        return update

    return register
