"""The contenders on TensorFlow: ours and Keras's, traced in a `tf.function`, without and with `jit_compile`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..build import build
from ..spec import Spec
from .originals import Peer, rated
from .race import Contender, Step
from .workloads import Shapes


class Field:
    """Variables and gradients that all contenders share; each has a state of its own."""

    def __init__(self, shapes: Shapes, threads: int) -> None:
        rng = np.random.default_rng(0)
        self.params = [keras.Variable(rng.standard_normal(shape, dtype=np.float32)) for shape in shapes]
        self.grads = [tf.Variable(tf.constant(rng.standard_normal(shape, dtype=np.float32))) for shape in shapes]
        self._negate = tf.function(lambda: [g.assign(-g) for g in self.grads] and None)

    def refresh(self) -> None:
        self._negate()

    def contenders(self, spec: Spec, peers: list[Peer], contest: dict[str, Any]) -> Iterator[Contender]:
        ours = build(spec, "tensorflow")
        ways: list[tuple[str, str, Callable[[], Any]]] = [("adaspec", "ours", lambda: ours(**rated(ours, {})))]
        for peer in peers:
            ways.append((peer.name, "peer", lambda p=peer: p.cls()(**rated(p.cls(), p.arguments))))
        for name, kind, factory in ways:
            for jit in (False, True):
                yield Contender(f"{name} jit" if jit else name, kind, self._maker(factory, jit))

    def _maker(self, factory: Callable[[], Any], jit: bool) -> Callable[[], Step]:
        def make() -> Step:
            optimizer = factory()
            optimizer.build(self.params)

            # Traced inside of the user's step: parameters, slots and gradients are captured, none is an argument.
            @tf.function(jit_compile=jit)
            def step() -> None:
                optimizer.apply([g.value() for g in self.grads], self.params)

            return step

        return make
