"""Drive a generated optax transformation for `adaspec.verify`; float64 runs in a scope and is never left on."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from . import PUBLIC_INPUTS

MODES = ("eager", "jit")

NONE: Mapping[str, Any] = MappingProxyType({})


class Session:
    """One transformation over a list of arrays; `dtype` is "float32" or "float64", `lr` None for the default."""

    def __init__(self, factory: Any, params: list[Any], dtype: str, mode: str, lr: float | None = None) -> None:
        import jax
        import jax.numpy as jnp
        import optax

        self.scope = lambda: jax.enable_x64(dtype == "float64")
        self.dtype, self.jnp = dtype, jnp
        self.transformation = transformation = factory() if lr is None else factory(learning_rate=lr)

        def advance(params: Any, grads: Any, state: Any, inputs: Any) -> Any:
            updates, state = transformation.update(grads, state, params, **inputs)
            return optax.apply_updates(params, updates), state

        self.advance = jax.jit(advance) if mode == "jit" else advance
        with self.scope():
            self.params = [jnp.asarray(p, dtype) for p in params]
            self.state = transformation.init(self.params)

    def set(self, params: list[Any]) -> None:
        with self.scope():
            self.params = [self.jnp.asarray(p, self.dtype) for p in params]

    def step(self, grads: list[Any], inputs: Mapping[str, Any] = NONE) -> list[Any]:
        """The parameters after one update, as copies. `inputs`: by name a number, a list like `grads`, or None."""
        with self.scope():
            given = {PUBLIC_INPUTS.get(n, n): None if v is None else self.cast(v) for n, v in inputs.items()}
            self.params, self.state = self.advance(self.params, self.cast(grads), self.state, given)
            return [np.array(p) for p in self.params]

    def cast(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.cast(v) for v in value]
        return self.jnp.asarray(value, self.dtype)

    def close(self) -> None:
        pass
