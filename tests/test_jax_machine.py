"""Any order of what is done to an optax state between two steps: it stays what the interpreter holds."""

from __future__ import annotations

import copy
import pickle
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import adaspec
from adaspec.build import build
from test_jax import assert_close

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")
jnp = jax.numpy
pytest.importorskip("safetensors")

SHAPES = {"a": (3,), "b": (2, 2), "c": ()}
RULES = ["adafactor", "adam", "momentum", "prodigy"]
RATES = st.sampled_from([0.0, 0.003, 0.1])
SEEDS = st.integers(0, 99)


def arrays(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {k: np.asarray(rng.normal(size=s)) for k, s in SHAPES.items()}


@cache
def injected(name: str) -> tuple[Any, Any]:
    """The transformation whose rate stands in its state, and its update, which is compiled once a tree."""
    tx = optax.inject_hyperparams(build(name, "jax"))()
    return tx, jax.jit(tx.update)


class Machine(RuleBasedStateMachine):
    """A model that is trained twice: by a transformation with all that is done to its state, and by the rule alone."""

    @initialize(name=st.sampled_from(RULES), seed=SEEDS, inject=st.booleans())
    def begin(self, name: str, seed: int, inject: bool) -> None:
        self.name, self.inject = name, inject
        self.meaning = adaspec.interpret(name)
        self.lr = float(adaspec.load(name).defaults["lr"])
        self.wanted: Any = arrays(seed)
        self.kept = self.meaning.init(self.wanted)
        with jax.enable_x64(True):
            self.params = jax.tree.map(jnp.asarray, self.wanted)
            self.tx, self.update = injected(name) if inject else (build(name, "jax")(), None)
            self.state = self.tx.init(self.params)

    @property
    def inner(self) -> Any:
        return self.state.inner_state if self.inject else self.state

    def put(self, inner: Any) -> None:
        self.state = self.state._replace(inner_state=inner) if self.inject else inner

    @rule(seed=SEEDS, without=st.sampled_from([None, None, "b"]))
    def step(self, seed: int, without: str | None) -> None:
        grads: dict[str, Any] = arrays(seed + 100) | ({without: None} if without else {})
        self.wanted, state = self.meaning.step(self.wanted, grads, self.kept, lr=self.lr)
        # optax counts the updates of the model, the rule those of a parameter.
        self.kept = type(state)(state.step, dict.fromkeys(state.steps, state.step), state.slots, state.shared)
        with jax.enable_x64(True):
            given = jax.tree.map(jnp.asarray, grads)
            updates, self.state = (self.update or self.tx.update)(given, self.state, self.params)
            self.params = {k: x if updates[k] is None else x + updates[k] for k, x in self.params.items()}

    @rule(lr=RATES)
    def set_rate(self, lr: float) -> None:
        self.lr = lr
        with jax.enable_x64(True):
            if self.inject:
                self.state = optax.tree.set(self.state, learning_rate=jnp.asarray(lr))
            else:
                self.tx = build(self.name, "jax")(learning_rate=lr)

    @precondition(lambda self: not self.inject)
    @rule(lr=RATES)
    def set_schedule(self, lr: float) -> None:
        self.lr = lr
        self.tx = build(self.name, "jax")(learning_rate=optax.constant_schedule(lr))

    @rule()
    def save_and_load(self) -> None:
        with tempfile.TemporaryDirectory() as folder, jax.enable_x64(True):
            file = Path(folder) / "state.safetensors"
            adaspec.save_state(self.inner, file, params=self.params)
            fresh = self.tx.init(self.params)
            fresh = fresh.inner_state if self.inject else fresh
            self.put(adaspec.load_state(file, fresh, params=self.params))

    @rule()
    def pickled(self) -> None:
        with jax.enable_x64(True):
            self.state = pickle.loads(pickle.dumps(self.state))

    @rule()
    def copied(self) -> None:
        with jax.enable_x64(True):
            self.state = copy.deepcopy(self.state)

    @rule()
    def flattened(self) -> None:
        """As a checkpoint of leaves does it."""
        with jax.enable_x64(True):
            leaves, tree = jax.tree.flatten(self.state)
            self.state = jax.tree.unflatten(tree, [jnp.asarray(np.asarray(leaf)) for leaf in leaves])

    @invariant()
    def same(self) -> None:
        if not hasattr(self, "state"):
            return
        assert int(self.inner.count) == self.kept.step
        for k, wanted in self.wanted.items():
            assert_close(self.params[k], wanted, 1e-11, k)
            for name, slot in self.kept.slots[k].items():
                assert_close(getattr(self.inner, name)[k], slot, 1e-11, f"{name} of {k}")
        for name, value in self.kept.shared.items():
            assert_close(getattr(self.inner, name), value, 1e-11, name)


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=20, stateful_step_count=12, deadline=None, derandomize=True, database=None)
TestMachine.pytestmark = [pytest.mark.needs_jax]  # type: ignore[attr-defined]
