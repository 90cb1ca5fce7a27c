"""Drive a generated Keras optimizer for `adaspec.verify`; `floatx` is set for the run and restored by `close`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

MODES = ("eager", "function")

NONE: Mapping[str, Any] = MappingProxyType({})


class Session:
    """One optimizer over a list of variables; `dtype` is "float32" or "float64", `lr` None for the default."""

    def __init__(self, factory: Any, params: list[Any], dtype: str, mode: str, lr: float | None = None) -> None:
        import keras
        import tensorflow as tf

        if keras.backend.backend() != "tensorflow":
            raise RuntimeError(f"Keras runs on {keras.backend.backend()}: set KERAS_BACKEND=tensorflow")
        self.keras, self.tf, self.dtype = keras, tf, dtype
        self.before = keras.config.floatx()
        keras.config.set_floatx(dtype)
        self.params = [keras.Variable(np.asarray(p, dtype), name=f"p{i}", dtype=dtype) for i, p in enumerate(params)]
        self.optimizer = factory() if lr is None else factory(learning_rate=lr)
        self.optimizer.build(self.params)

        def advance(grads: Any, inputs: Any) -> None:
            self.optimizer.apply(grads, self.params, **inputs)

        self.advance = tf.function(advance) if mode == "function" else advance

    def set(self, params: list[Any]) -> None:
        for old, new in zip(self.params, params, strict=True):
            old.assign(np.asarray(new, self.dtype))

    def step(self, grads: list[Any], inputs: Mapping[str, Any] = NONE) -> list[Any]:
        """The parameters after one update, as copies. `inputs`: by name a number, a list like `grads`, or None."""
        self.advance(self.cast(grads), {n: v if v is None else self.cast(v) for n, v in inputs.items()})
        return [np.array(p.numpy()) for p in self.params]

    def cast(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.cast(v) for v in value]
        return self.tf.constant(value, self.dtype)

    def close(self) -> None:
        self.keras.config.set_floatx(self.before)
