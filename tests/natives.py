"""The frameworks' own optimizers as travellers: their state into ours and back, by the words of their dialects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import adaspec
from adaspec.holders import native_class, worded
from adaspec.words import home
from travellers import Arrays, Jax, Keras, Torch, kind, nested

MATRICES = {"net/w": (4, 3), "net/b": (3, 5)}
UNLIKE = {
    "sparse_adam:torch": "takes sparse gradients alone",
    "muon:torch": "multiplies in bfloat16",
    "muon:optax": "keeps its state in two parts, one for each kind of parameter",
    "adafactor:optax": "keeps arrays of one element where it factors nothing",
}
"""Originals that do not take the same steps to 1e-12, or whose state is laid out in a way of its own, and why."""


def of(target: str) -> list[str]:
    """The dialects of a target whose words say where their original keeps its state."""
    specs = {name: adaspec.load(name) for name in worded() if name not in UNLIKE}
    return [name for name, spec in specs.items() if home(spec) == target and not spec.rule.inputs]


def arguments(spec: adaspec.Spec) -> dict[str, Any]:
    """The learning rate alone: everything else as the original has it by itself."""
    return {"lr": 0.01} if "lr" in spec.hypers else {}


class NativeTorch(Torch):
    def start(self, params: Arrays) -> None:
        import torch

        self.torch = torch
        self.x = {path: torch.nn.Parameter(self.tensor(a)) for path, a in params.items()}
        with self.scalars():
            self.opt = native_class(self.spec)(list(self.x.items()), **self.hypers)

    @contextmanager
    def scalars(self) -> Iterator[None]:
        """What torch keeps numbers in: NAdam's product is float32 otherwise."""
        before = self.torch.get_default_dtype()
        self.torch.set_default_dtype(getattr(self.torch, self.dtype))
        try:
            yield
        finally:
            self.torch.set_default_dtype(before)

    def step(self, grads: Mapping[str, Any]) -> None:
        with self.scalars():
            super().step(grads)

    def load(self, file: Path, **options: Any) -> None:
        with self.scalars():
            super().load(file, **options)


class NativeJax(Jax):
    def start(self, params: Arrays) -> None:
        import jax
        import optax

        self.scope = lambda: jax.enable_x64(self.dtype == "float64")
        self.jax, self.apply = jax, optax.apply_updates
        with self.scope():  # what is made outside is float32
            tx = native_class(self.spec)(**{"learning_rate" if k == "lr" else k: v for k, v in self.hypers.items()})
            self.x = nested({path: jax.numpy.asarray(np.asarray(a, kind(self.dtype))) for path, a in params.items()})
            self.state = tx.init(self.x)
        self.update = tx.update

    def save(self, file: Path) -> None:
        adaspec.save_state(self.state, file, params=self.x, spec=self.spec)

    def load(self, file: Path, **options: Any) -> None:
        with self.scope():
            self.state = adaspec.load_state(file, self.state, params=self.x, spec=self.spec, **options)


class NativeKeras(Keras):
    def start(self, params: Arrays) -> None:
        import keras

        super().start(params)
        before = keras.config.floatx()
        keras.config.set_floatx(self.dtype)
        try:
            cls = native_class(self.spec)
            self.opt = cls(**{"learning_rate" if k == "lr" else k: v for k, v in self.hypers.items()})
            self.opt.build(list(self.x.values()))
        finally:
            keras.config.set_floatx(before)

    def held(self) -> dict[str, Any]:
        """Every variable by name, bit for bit, but the learning rate."""
        rows = {v.path.partition("/")[2]: np.array(v.numpy()) for v in self.opt.variables}
        return {path: (a.dtype.name, a.tobytes()) for path, a in rows.items() if path != "learning_rate"}


NATIVES: dict[str, type[Any]] = {"torch": NativeTorch, "jax": NativeJax, "tensorflow": NativeKeras}
