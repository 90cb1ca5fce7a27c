"""Originals with noise of their own: whatever generator they ask, they get the draws of `adaspec.noise`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from typing import Any

import numpy as np

from adaspec.noise import draw

from .core import STEPS
from .precision import Wide


def optax_normals(key: int = 0, seed: int = 0) -> Callable[[], AbstractContextManager[None]]:
    """`optax.tree.random_like` yields the draws of step t where it is asked with the t-th split of the key."""

    @contextmanager
    def context() -> Iterator[None]:
        import jax
        import optax.tree

        known, last = [], jax.random.key(key)
        for _ in range(STEPS):
            last, sample = jax.random.split(last)
            known.append(jax.random.key_data(sample))
        table = jax.numpy.stack(known)

        def fed(rng_key: Any, target_tree: Any, **_: Any) -> Any:
            t = jax.numpy.argmax((table == jax.random.key_data(rng_key)).all(axis=-1))
            leaves, treedef = jax.tree.flatten(target_tree)
            steps = range(1, STEPS + 1)
            draws = [
                np.stack([draw("normal", 0, seed, step, place, x.shape) for step in steps])
                for place, x in enumerate(leaves)
            ]
            return treedef.unflatten([jax.numpy.asarray(d)[t] for d in draws])

        before, optax.tree.random_like = optax.tree.random_like, fed
        try:
            yield
        finally:
            optax.tree.random_like = before

    return context


class Fed(Wide):
    """What a module sees as torch: wider, and `randn_like` yields our draw of the step and the parameter it is for."""

    def __init__(self, module: Any, seed: int) -> None:
        super().__init__(module)
        self._seed = seed
        self.optimizer: Any = None
        self._now = (0, 0)

    def randn_like(self, like: Any, dtype: Any = None) -> Any:
        t = self.optimizer.param_groups[0]["step"]
        place = self._now[1] if self._now[0] == t else 0
        self._now = t, place + 1
        return self._module.from_numpy(draw("normal", 0, self._seed, t, place, tuple(like.shape)))


def torch_normals(name: str, seed: int = 0) -> tuple[Callable[[], AbstractContextManager[None]], Callable[..., Any]]:
    """`around` and `make` of an original in the module `name` that draws one normal per parameter at each step."""
    current: list[Fed] = []

    @contextmanager
    def context() -> Iterator[None]:
        module: Any = import_module(name)
        before = module.torch
        module.torch = Fed(before, seed)
        current[:] = [module.torch]
        try:
            yield
        finally:
            module.torch = before

    def make(cls: Any, params: Any, keywords: dict[str, Any]) -> Any:
        current[0].optimizer = cls(params, **keywords)
        return current[0].optimizer

    return context, make
