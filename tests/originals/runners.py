"""How an original of each framework is driven, in float64, over one list of gradients per step."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import keras_process
from .core import Model, Original


def torch(original: Original, params: Model, grads: list[Model], keywords: dict[str, Any], plan: Any) -> list[Model]:
    import torch as t

    before = t.get_default_dtype()
    t.set_default_dtype(t.float64)  # else scalars such as NAdam's mu_product are held in float32
    try:
        tensors = [t.nn.Parameter(t.tensor(x)) for x in params]
        cls = original.cls()
        optimizer = original.make(cls, tensors, keywords) if original.make else cls(tensors, **keywords)
        trajectory = []
        for i, step in enumerate(grads):
            if plan is not None:
                for group in optimizer.param_groups:
                    group["lr"] = plan[i]
            for p, g in zip(tensors, step, strict=True):
                p.grad = t.tensor(g)
            optimizer.step()
            seen = original.read(optimizer, tensors) if original.read else tensors
            trajectory.append([p.detach().numpy().copy() for p in seen])
        return trajectory
    finally:
        t.set_default_dtype(before)


def optax(original: Original, params: Model, grads: list[Model], keywords: dict[str, Any], plan: Any) -> list[Model]:
    import jax
    import optax

    with jax.enable_x64(True):
        if plan is not None:
            table = jax.numpy.asarray(plan)
            keywords = keywords | {"learning_rate": lambda count: table[count]}
        cls = original.cls()
        tx = original.make(cls, keywords) if original.make else cls(**keywords)
        x: Any = [jax.numpy.asarray(p) for p in params]
        state = tx.init(x)

        @jax.jit
        def update(x: Any, state: Any, g: Any) -> tuple[Any, Any]:
            updates, state = tx.update(g, state, x)
            return optax.apply_updates(x, updates), state

        trajectory = []
        for step in grads:
            x, state = update(x, state, [jax.numpy.asarray(g) for g in step])
            trajectory.append([np.asarray(p) for p in (original.read(state, x) if original.read else x)])
        return trajectory


def keras(original: Original, params: Model, grads: list[Model], keywords: dict[str, Any], plan: Any) -> list[Model]:
    """In a process of its own, on JAX: on TensorFlow, Keras rounds a Python float to float32 on its way to float64.

    torch is the other backend that does not; what is wrong there alone is run there.
    """
    assert original.make is None and original.read is None
    return keras_process.run(original.of, params, grads, keywords, plan, original.backend)


def reference(
    original: Original, params: Model, grads: list[Model], keywords: dict[str, Any], plan: Any
) -> list[Model]:
    from reference import reference as written

    assert plan is None
    rule = written(original.name)
    state = rule.init(params, **keywords)
    trajectory = []
    for step in grads:
        params = [np.asarray(x, dtype=np.float64) for x in rule.step(params, step, state)]
        seen = original.read(state, params) if original.read else params
        trajectory.append([np.asarray(x, dtype=np.float64) for x in seen])
    return trajectory
