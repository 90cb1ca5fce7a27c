"""Complex parameters of the optax factories: the interpreter's numbers, and the manners that real ones have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec.backends.jax import PUBLIC_INPUTS
from adaspec.build import build
from adaspec.library import rules
from adaspec.spec import Spec
from test_complexes import SHAPES, TAKEN, inputs, numbers
from test_jax import assert_close

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")
jnp = jax.numpy
pytestmark = pytest.mark.needs_jax

STEPS = 2
FEW = [(), (3,)]
"""Without compilation each operation costs by itself, at each shape."""


def stepped(spec: Spec, compiled: bool, dtype: str = "complex128") -> tuple[Any, Any, Any, Any]:
    """Parameters and state of the factory and of the interpreter, after a few steps on the same numbers."""
    meaning, tx = adaspec.interpret(spec), build(spec, "jax")()
    shapes = SHAPES if compiled else FEW
    wanted = [p.astype(dtype) for p in numbers(0, shapes)]
    params = [jnp.asarray(p) for p in wanted]
    state, kept = tx.init(params), meaning.init(wanted)
    update = jax.jit(tx.update) if compiled else tx.update
    for step in range(STEPS):
        grads = [g.astype(dtype) for g in numbers(step + 1, shapes)]
        given = inputs(spec, step, grads)
        wanted, kept = meaning.step(wanted, grads, kept, **given)
        named = {PUBLIC_INPUTS.get(n, n): jax.tree.map(jnp.asarray, v) for n, v in given.items()}
        updates, state = update([jnp.asarray(g) for g in grads], state, params, **named)
        assert [(u.dtype, u.shape) for u in updates] == [(jnp.dtype(dtype), s) for s in shapes]
        params = optax.apply_updates(params, updates)
    return params, state, wanted, kept


def assert_parts_close(got: Any, wanted: Any, what: str) -> None:
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert np.iscomplexobj(got) == np.iscomplexobj(wanted), what
    assert_close(got.real, wanted.real, 1e-12, what)
    assert_close(got.imag, wanted.imag, 1e-12, what)


def assert_equal_to_meaning(rule: str, compiled: bool) -> None:
    spec = adaspec.load(rule)
    with jax.enable_x64(True):
        params, state, wanted, kept = stepped(spec, compiled)
        for k, x in enumerate(wanted):
            assert_parts_close(params[k], x, f"parameter {k}")
            fields = zip((s.name for s in spec.core.slots), state._fields[1:], strict=False)
            for name, field in fields:
                slot, own = getattr(state, field)[k], kept.slots[str(k)]
                assert (slot is None) == (name not in own)
                if slot is not None:
                    assert_parts_close(slot, own[name], f"slot {name} of {k}")


@pytest.mark.parametrize("rule", TAKEN)
def test_numbers(rule: str) -> None:
    """Parameters and slots are the interpreter's; slots of one number stay real."""
    assert_equal_to_meaning(rule, compiled=False)


@pytest.mark.every
@pytest.mark.parametrize("rule", TAKEN)
def test_compiled(rule: str) -> None:
    assert_equal_to_meaning(rule, compiled=True)


@pytest.mark.parametrize("rule", [n for n in rules() if n not in TAKEN])
def test_refused(rule: str) -> None:
    message = r"parameter \['z'\] is complex64: this rule takes no complex ones; optax.contrib.split_real_and_imaginary"
    with pytest.raises(TypeError, match=message):
        build(rule, "jax")().init({"a": jnp.ones((2, 3)), "z": jnp.ones((2, 3), jnp.complex64)})


def test_refusals() -> None:
    """Real beside complex, and dtypes of which there are no complex numbers."""
    z, r = jnp.ones(3, jnp.complex64), jnp.ones(3)
    for rule in ("adam", "lamb", "prodigy"):
        tx = build(rule, "jax")()
        for g, p in ((r, z), (z, r)):
            with pytest.raises(TypeError, match=r"(float32 beside complex64|complex64 beside float32): .* all complex"):
                tx.update(g, tx.init(p), p)
    assert build("adam", "jax")(slot_dtype="float32").init(z).m.dtype == jnp.complex64
    with pytest.raises(TypeError, match="slot_dtype: there are no complex numbers of two bfloat16"):
        build("adam", "jax")(slot_dtype="bfloat16").init(z)


def test_manners() -> None:
    """jit, vmap, scan, donation; a hyperparameter that is injected; the gradient that is conjugated before descends."""
    goal = jnp.array([1.0 + 2.0j, -1.0 - 1.0j, 0.5j])
    tx = optax.inject_hyperparams(build("adamw", "jax"))(learning_rate=0.1)

    def steps(x: Any, state: Any) -> Any:
        def one(carry: Any, _: Any) -> Any:
            x, state = carry
            grads = jax.grad(lambda x: jnp.sum(jnp.abs(x - goal) ** 2))(x).conj()
            updates, state = tx.update(grads, state, x)
            return (optax.apply_updates(x, updates), state), None

        return jax.lax.scan(one, (x, state), length=300)[0]

    x = jnp.zeros(3, jnp.complex64)
    got, state = jax.jit(steps, donate_argnums=(0, 1))(x, tx.init(x))
    assert got.dtype == jnp.complex64 and jnp.abs(got - goal).max() < 0.1
    assert optax.tree_utils.tree_get(state, "count", filtering=lambda path, _: len(path) == 1) == 300
    pairs = jnp.stack([goal, 2 * goal])
    mapped, _ = jax.vmap(tx.update)(pairs, jax.vmap(tx.init)(pairs), pairs)
    alone, _ = tx.update(goal, tx.init(goal), goal)
    assert mapped.dtype == jnp.complex64 and jnp.abs(mapped[0] - alone).max() < 1e-7


def test_slots_begin_with_both_parts() -> None:
    made = build(adaspec.load("adagrad").replace(v="full(0.25)"), "jax")().init(jnp.ones(2, jnp.complex64))
    np.testing.assert_array_equal(made.v, np.full(2, 0.25 + 0.25j))
