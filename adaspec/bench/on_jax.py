"""The contenders on JAX: ours and optax's, each as one jitted update whose parameters and state are donated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
import optax

from ..backends.jax.flat import flat, ravel
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
        if len(self.params) > 1:
            try:
                flattened = flat(ours)
                yield Contender("adaspec flat", "other", lambda: self._flat(flattened(**rated(ours, {}))))
            except ValueError:  # a rule that needs every parameter by itself
                pass
        for peer in peers:
            yield Contender(peer.name, "peer", self._maker(lambda p=peer: p.cls()(**rated(p.cls(), p.arguments))))

    def _maker(self, factory: Callable[[], optax.GradientTransformation]) -> Callable[[], Step]:
        def make() -> Step:
            tx = factory()
            state, jitted = tx.init(self.params), _jitted(tx)

            def step() -> None:
                nonlocal state
                self.params, state = jax.block_until_ready(jitted(self.params, state, self.grads))

            return step

        return make

    def _flat(self, tx: optax.GradientTransformation) -> Step:
        """The user's whole run is flat then: parameters are vectors throughout, and the gradients come as vectors."""
        params: Any = ravel(self.params)
        grads: Any = ravel(self.grads)
        state, jitted = tx.init(params), _jitted(tx)

        def step() -> None:
            nonlocal params, state
            params, state = jax.block_until_ready(jitted(params, state, grads))

        return step


def _jitted(tx: optax.GradientTransformation) -> Callable[..., Any]:
    def update(params: Any, state: Any, grads: Any) -> tuple[Any, Any]:
        updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    return jax.jit(update, donate_argnums=(0, 1))
