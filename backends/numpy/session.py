"""Drive a generated NumPy class for `adaspec.verify`."""

from __future__ import annotations

from typing import Any

import numpy as np

MODES = ("eager",)


class Session:
    """One optimizer over a list of arrays; `dtype` is "float32" or "float64", `lr` None for the default."""

    def __init__(self, factory: Any, params: list[Any], dtype: str, mode: str, lr: float | None = None) -> None:
        self.params = [np.array(p, dtype=dtype) for p in params]
        self.optimizer = factory() if lr is None else factory(lr=lr)
        self.state = self.optimizer.init(self.params)

    def set(self, params: list[Any]) -> None:
        for old, new in zip(self.params, params, strict=True):
            old[...] = new

    def step(self, grads: list[Any]) -> list[Any]:
        """The parameters after one update, as copies."""
        self.optimizer.step(
            self.params, [np.asarray(g, p.dtype) for g, p in zip(grads, self.params, strict=True)], self.state
        )
        return [p.copy() for p in self.params]

    def close(self) -> None:
        pass
