"""Drive a generated NumPy class for `adaspec.verify`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

MODES = ("eager", "arrays")
"""A step as by default, by a kernel where there is one, and by array operations."""

NONE: Mapping[str, Any] = MappingProxyType({})


def modes(factory: Any) -> tuple[str, ...]:
    """The modes that differ for this class."""
    kernels = getattr(factory, "fused", None)
    return MODES if kernels is not None and not kernels.why else MODES[:1]


class Session:
    """One optimizer over a list of arrays; `dtype` is "float32" or "float64", `lr` None for the default."""

    def __init__(self, factory: Any, params: list[Any], dtype: str, mode: str, lr: float | None = None) -> None:
        self.params = [np.array(p, dtype=dtype) for p in params]
        self.optimizer = factory() if lr is None else factory(lr=lr)
        if mode == "arrays":
            self.optimizer.fused = None
        self.state = self.optimizer.init(self.params)

    def set(self, params: list[Any]) -> None:
        for old, new in zip(self.params, params, strict=True):
            old[...] = new

    def step(self, grads: list[Any], inputs: Mapping[str, Any] = NONE) -> list[Any]:
        """The parameters after one update, as copies. `inputs`: by name a number, a list like `grads`, or None."""
        given = {n: self.cast(v) if isinstance(v, list) else v for n, v in inputs.items()}
        self.optimizer.step(self.params, self.cast(grads), self.state, **given)
        return [p.copy() for p in self.params]

    def cast(self, arrays: list[Any]) -> list[Any]:
        return [np.asarray(a, p.dtype) for a, p in zip(arrays, self.params, strict=True)]

    def close(self) -> None:
        pass
