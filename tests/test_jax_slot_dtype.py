"""`slot_dtype` of the optax factories: what `Slot[dtype]` means in a spec, chosen where the optimizer is made."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec.build import build
from test_jax import RULES, assert_close, problem

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")
jnp = jax.numpy
pytestmark = pytest.mark.needs_jax

PLAIN = [n for n in RULES if {s.name for s in adaspec.load(n).core.slots} == {*adaspec.load(n).slots} != set()]
"""The rules whose own text declares all their slots."""


def typed(rule: str, dtype: str) -> adaspec.Spec:
    """The rule with this dtype written into its text."""
    text = adaspec.load(rule).text
    head, rule_def, rest = text.partition(f"\ndef {rule}(")
    arguments, end, body = rest.partition("):\n")
    return adaspec.parse(head + rule_def + re.sub(r": Slot\b", f": Slot[{dtype}]", arguments) + end + body)


@pytest.mark.sampled
@pytest.mark.parametrize("dtype", ["bfloat16", pytest.param("float32", marks=pytest.mark.every)])
@pytest.mark.parametrize("rule", PLAIN)
def test_meaning(rule: str, dtype: str) -> None:
    """The interpreter's numbers of the rule with `Slot[dtype]`: rounded elsewhere, or twice, they would be far off."""
    params, grads = problem(rule, 4)
    meaning = adaspec.interpret(typed(rule, dtype))
    wanted, kept = params, meaning.init(params)
    with jax.enable_x64(True):
        tx = build(rule, "jax")(slot_dtype=dtype)
        x = jax.tree.map(jnp.asarray, params)
        state = tx.init(x)
        update = jax.jit(tx.update)
        for g in grads:
            wanted, kept = meaning.step(wanted, g, kept)
            updates, state = update(jax.tree.map(jnp.asarray, g), state, x)
            x = optax.apply_updates(x, updates)
        for k, value in wanted.items():
            assert_close(x[k], value, 1e-12, k)
        free = {s.name for s in adaspec.load(rule).core.slots if s.dtype is None}
        for name in free & set(state._fields):
            for k, slot in getattr(state, name).items():
                assert slot is None or slot.dtype == jnp.dtype(dtype)
                assert slot is None or np.array_equal(np.asarray(slot), kept.slots[k][name])


def test_one_for_some() -> None:
    params = {"w": jnp.ones(3), "h": jnp.ones(3, jnp.bfloat16)}
    make = build("adam", "jax")
    for asked in ({"m": "bfloat16"}, {"m": jnp.bfloat16, "v": None}, {"m": np.dtype("bfloat16")}):
        tx = make(slot_dtype=asked)
        state = tx.init(params)
        found = jax.tree.map(lambda a: a.dtype.name, (state.m, state.v))
        assert found == ({"w": "bfloat16", "h": "bfloat16"}, {"w": "float32", "h": "float32"})
        _, after = tx.update(params, state, params)
        assert jax.tree.map(lambda a: a.dtype, after) == jax.tree.map(lambda a: a.dtype, state)
    assert jax.tree.leaves(make(slot_dtype=None).init(params))[1].dtype == jnp.float32
    with pytest.raises(ValueError, match="Invalid slot_dtype: 'mu' is none of the slots m, v"):
        make(slot_dtype={"mu": "bfloat16"})
    for odd in ("int32", "complex64", jnp.float8_e4m3fn, bool):
        with pytest.raises(
            TypeError, match=r"Invalid slot_dtype: .* of 'm' is none of bfloat16, float16, float32, float64"
        ):
            make(slot_dtype=odd)
    with pytest.raises(TypeError, match="banana"):
        make(slot_dtype="banana")


def test_injected() -> None:
    """A name or a NumPy dtype is no schedule; JAX's own scalar types are callable, and need static_args."""
    for asked, static in (
        ("bfloat16", ()),
        (np.dtype("bfloat16"), ()),
        ({"m": "bfloat16"}, ()),
        (jnp.bfloat16, "slot_dtype"),
    ):
        tx = optax.inject_hyperparams(build("momentum", "jax"), static_args=static)(slot_dtype=asked)
        assert tx.init(jnp.ones(2)).inner_state.m.dtype == jnp.bfloat16


def test_saved_and_loaded(tmp_path: Path) -> None:
    """A file holds a slot in its own dtype, and is loaded where it is kept in the same."""
    pytest.importorskip("safetensors")
    params = {"w": jnp.linspace(0, 1, 6).reshape(2, 3)}
    tx = build("adam", "jax")(slot_dtype={"m": "bfloat16"})
    _, state = tx.update(params, tx.init(params), params)
    file = tmp_path / "state.safetensors"
    adaspec.save_state(state, file, params=params)
    found = adaspec.load_state(file, tx.init(params), params=params)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(state), strict=True):
        assert a.dtype == b.dtype and np.array_equal(a, b)
    wide = build("adam", "jax")()
    with pytest.raises(ValueError, match=r"'w\.m' is bfloat16 of shape \(2, 3\) and must be float32"):
        adaspec.load_state(file, wide.init(params), params=params)
    odd: Any = state._replace(m=jax.tree.map(lambda a: a.astype(jnp.float8_e4m3fn), state.m))
    with pytest.raises(TypeError, match=r"'w\.m' is float8_e4m3fn: slots are floating or complex arrays"):
        adaspec.save_state(odd, tmp_path / "odd.safetensors", params=params)
