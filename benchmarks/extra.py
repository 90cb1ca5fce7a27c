"""Peers that are no class of their framework: the best that can be had there with some knowledge of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from adaspec.bench.race import Contender, Step


def keras_on_jax(field: Any) -> Iterator[Contender]:
    """Keras's Adam on JAX: `stateless_apply` in one jit, with everything donated."""

    def make() -> Step:
        os.environ["KERAS_BACKEND"] = "jax"
        import jax
        import keras

        optimizer = keras.optimizers.Adam()
        optimizer.build([keras.Variable(x) for x in field.params])
        state = [v.value for v in optimizer.variables]
        run = jax.jit(
            lambda params, state, grads: optimizer.stateless_apply(state, grads, params), donate_argnums=(0, 1)
        )

        def step() -> None:
            nonlocal state
            field.params, state = jax.block_until_ready(run(field.params, state, field.grads))

        return step

    yield Contender("keras Adam on JAX", "peer", make)


def resource_apply_adam(field: Any) -> Iterator[Contender]:
    """TensorFlow's own kernel of Adam, which Keras does not call."""

    def make() -> Step:
        import tensorflow as tf

        slots = [[tf.Variable(tf.zeros(x.shape)) for x in field.params] for _ in range(2)]
        t = tf.Variable(tf.zeros(()))

        @tf.function
        def step() -> None:
            t.assign_add(1.0)
            first, second = tf.pow(0.9, t), tf.pow(0.999, t)
            for x, m, v, g in zip(field.params, *slots, field.grads, strict=True):
                tf.raw_ops.ResourceApplyAdam(
                    var=x.value.handle, m=m.handle, v=v.handle, beta1_power=first, beta2_power=second, lr=1e-3,
                    beta1=0.9, beta2=0.999, epsilon=1e-8, grad=g.value(),
                )  # fmt: skip

        return step

    yield Contender("ResourceApplyAdam", "peer", make)
