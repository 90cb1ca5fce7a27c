"""Originals with noise of their own: whatever generator they ask, they get the draws of `adaspec.noise`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np

from adaspec.noise import draw

from .core import STEPS


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
