"""The optax factories in the loops of their users: Flax NNX, Flax's TrainState, Equinox, on scikit-learn's digits."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec.build import build

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")
jnp = jax.numpy
pytestmark = pytest.mark.needs_jax

STEPS = 40
OPTIMIZERS = {
    "adax": lambda: build("adax", "jax")(learning_rate=0.02, b2=0.01),
    "lion": lambda: optax.inject_hyperparams(build("lion", "jax"))(optax.cosine_decay_schedule(0.02, STEPS)),
    "schedule_free_adamw": lambda: optax.chain(
        optax.clip_by_global_norm(1.0),
        build("schedule_free_adamw", "jax")(learning_rate=0.02, slot_dtype={"v": "bfloat16"}),
    ),
}


@cache
def digits() -> tuple[Any, Any]:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return jnp.asarray(x / 16, jnp.float32), jnp.asarray(y)


def cross_entropy(logits: Any, y: Any) -> Any:
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()


Trained = tuple[list[float], list[Any], int]
"""The losses, the parameters, and how often the step was traced."""


def nnx(tx: Any, steps: int) -> Trained:
    from flax import nnx

    class Net(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.hidden, self.out = nnx.Linear(64, 32, rngs=rngs), nnx.Linear(32, 10, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            return self.out(nnx.relu(self.hidden(x)))

    net, traced = Net(nnx.Rngs(0)), []
    optimizer = nnx.Optimizer(net, tx, wrt=nnx.Param)

    @nnx.jit
    def step(net: Any, optimizer: Any, x: Any, y: Any) -> Any:
        traced.append(1)
        loss, grads = nnx.value_and_grad(lambda net: cross_entropy(net(x), y))(net)
        optimizer.update(net, grads)
        return loss

    losses = [float(step(net, optimizer, *digits())) for _ in range(steps)]
    assert int(optimizer.step[...]) == steps
    return losses, jax.tree.leaves(nnx.state(net, nnx.Param)), len(traced)


def linen(tx: Any, steps: int) -> Trained:
    from flax import linen
    from flax.training.train_state import TrainState

    class Net(linen.Module):
        @linen.compact
        def __call__(self, x: Any) -> Any:
            return linen.Dense(10)(linen.relu(linen.Dense(32)(x)))

    net, traced = Net(), []
    x, y = digits()
    state = TrainState.create(apply_fn=net.apply, params=net.init(jax.random.key(0), x)["params"], tx=tx)

    def step(state: TrainState) -> Any:
        traced.append(1)
        loss, grads = jax.value_and_grad(lambda params: cross_entropy(state.apply_fn({"params": params}, x), y))(
            state.params
        )
        return state.apply_gradients(grads=grads), loss

    step, losses = jax.jit(step, donate_argnums=0), []
    for _ in range(steps):
        state, loss = step(state)
        losses.append(float(loss))
    return losses, jax.tree.leaves(state.params), len(traced)


def equinox(tx: Any, steps: int) -> Trained:
    import equinox as eqx

    net, traced = eqx.nn.MLP(64, 10, 32, 1, key=jax.random.key(0)), []
    state = tx.init(eqx.filter(net, eqx.is_inexact_array))

    @eqx.filter_jit
    def step(net: Any, state: Any, x: Any, y: Any) -> Any:
        traced.append(1)
        loss, grads = eqx.filter_value_and_grad(lambda net: cross_entropy(jax.vmap(net)(x), y))(net)
        updates, state = tx.update(grads, state, eqx.filter(net, eqx.is_inexact_array))
        return eqx.apply_updates(net, updates), state, loss

    losses = []
    for _ in range(steps):
        net, state, loss = step(net, state, *digits())
        losses.append(float(loss))
    return losses, jax.tree.leaves(eqx.filter(net, eqx.is_inexact_array)), len(traced)


LOOPS: dict[str, Callable[[Any, int], Trained]] = {"nnx": nnx, "linen": linen, "equinox": equinox}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("loop", LOOPS)
def test_digits_are_learnt(loop: str, optimizer: str) -> None:
    losses, params, traced = LOOPS[loop](OPTIMIZERS[optimizer](), STEPS)
    assert losses[0] > 2 and losses[-1] < 0.5
    assert traced == 1
    assert all(np.isfinite(p).all() for p in params)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_dialect_stands_in_the_place_of_its_original(loop: str) -> None:
    """The same network after the same loop, to the rounding of float32."""
    given: dict[str, Any] = {"learning_rate": 1e-2, "weight_decay": 1e-2}
    losses, params, _ = LOOPS[loop](build("adamw:optax", "jax")(**given), 6)
    wanted, original, _ = LOOPS[loop](optax.adamw(**given), 6)
    np.testing.assert_allclose(losses, wanted, rtol=1e-5)
    for ours, theirs in zip(params, original, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)


def test_the_parameters_to_evaluate() -> None:
    """A view reads what the loop has trained, whatever tree the parameters are."""
    import equinox as eqx

    tx = adaspec.jax.schedule_free(learning_rate=0.1)
    net = eqx.filter(eqx.nn.MLP(3, 1, 4, 1, key=jax.random.key(0)), eqx.is_inexact_array)
    state = tx.init(net)
    updates, state = tx.update(net, state, net)
    net = eqx.apply_updates(net, updates)
    shown = tx.view("eval", net, state)
    assert jax.tree.structure(shown) == jax.tree.structure(net)
    for z, y, x in zip(*map(jax.tree.leaves, (state.z, net, shown)), strict=True):
        np.testing.assert_allclose(x, z + (y - z) / 0.9, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rule", ["adafactor", "prodigy"])
def test_a_checkpoint_of_orbax(rule: str, tmp_path: Path) -> None:
    """Saved and restored by the tree that `init` has: named tuples, absent slots and dtypes."""
    import orbax.checkpoint

    params = {"w": jnp.ones((2, 3)), "b": jnp.ones(3, jnp.bfloat16)}
    tx = build(rule, "jax")()
    _, state = tx.update(params, tx.init(params), params)
    with orbax.checkpoint.StandardCheckpointer() as keeper:
        keeper.save(tmp_path / "state", state)
        keeper.wait_until_finished()
        found = keeper.restore(tmp_path / "state", jax.eval_shape(tx.init, params))
    assert jax.tree.structure(found) == jax.tree.structure(state)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(state), strict=True):
        assert a.dtype == b.dtype and np.array_equal(a, b)
