"""The contenders on JAX: ours and optax's, each as one jitted update whose parameters and state are donated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
import optax

from ..build import build
from ..spec import Spec
from .originals import Peer, rated
from .race import Contender, Step
from .workloads import Shapes


class Field:
    """Parameters and gradients that all contenders share; each has a state of its own."""

    def __init__(self, shapes: Shapes, threads: int) -> None:
        rng = np.random.default_rng(0)
        # Copies: memory that NumPy owns cannot be donated.
        self.params: Any = [jax.numpy.array(rng.standard_normal(shape, dtype=np.float32)) for shape in shapes]
        self.grads: Any = [jax.numpy.array(rng.standard_normal(shape, dtype=np.float32)) for shape in shapes]
        self._negated = jax.jit(lambda grads: [-g for g in grads], donate_argnums=0)

    def refresh(self) -> None:
        self.grads = jax.block_until_ready(self._negated(self.grads))

    def contenders(self, spec: Spec, peers: list[Peer], contest: dict[str, Any]) -> Iterator[Contender]:
        ours = build(spec, "jax")
        yield Contender("adaspec", "ours", self._maker(lambda: ours(**rated(ours, {}))))
        for peer in peers:
            yield Contender(peer.name, "peer", self._maker(lambda p=peer: p.cls()(**rated(p.cls(), p.arguments))))

    def _maker(self, factory: Callable[[], optax.GradientTransformation]) -> Callable[[], Step]:
        def make() -> Step:
            tx = factory()
            state = tx.init(self.params)

            def update(params: Any, state: Any, grads: Any) -> tuple[Any, Any]:
                updates, state = tx.update(grads, state, params)
                return optax.apply_updates(params, updates), state

            jitted = jax.jit(update, donate_argnums=(0, 1))

            def step() -> None:
                nonlocal state
                self.params, state = jax.block_until_ready(jitted(self.params, state, self.grads))

            return step

        return make
