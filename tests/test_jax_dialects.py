"""What is built of a dialect of optax stands in the place of its original: called as that is called."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import pytest

import adaspec
from adaspec.build import build
from adaspec.words import home

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")
jnp = jax.numpy
pytestmark = [
    pytest.mark.needs_jax,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:Specifying a key"),
]

DIALECTS = [n for n in adaspec.names() if n.endswith(":optax") and home(adaspec.load(n)) == "jax"]
W = {"w": jnp.linspace(1.0, 2.0, 6).reshape(3, 2)}


def original(name: str) -> Any:
    dialect = adaspec.load(name).dialect
    assert dialect is not None and dialect.of is not None
    module, _, function = dialect.of.rpartition(".")
    return getattr(importlib.import_module(module), function)


def without_params(tx: Any) -> bool:
    """Whether `update(updates, state)` is enough."""
    try:
        tx.update(W, tx.init(W))
    except Exception:  # each optimizer of optax has a complaint of its own
        return False
    return True


def test_params_are_asked_for_by_none_that_asked_for_none() -> None:
    compared = 0
    for name in DIALECTS:
        theirs = original(name)
        try:
            inspect.signature(theirs).bind(learning_rate=0.1)
        except TypeError:  # a wrapper, or a rule with a rate of its own
            continue
        if adaspec.load(name).inputs:
            continue
        if without_params(theirs(learning_rate=0.1)) and name != "sm3:optax":  # it asks for their shapes
            assert without_params(build(name, "jax")()), name
            compared += 1
    assert compared > 10


@pytest.mark.parametrize(
    ("name", "word", "slot"),
    [("adam", "mu_dtype", "mu"), ("lion", "mu_dtype", "mu"), ("sgd", "accumulator_dtype", "trace")],
)
def test_the_dtype_of_a_slot_by_its_own_word(name: str, word: str, slot: str) -> None:
    given = {"momentum": 0.9} if name == "sgd" else {}
    make = build(f"{name}:optax", "jax")
    for dtype in ("bfloat16", jnp.bfloat16, "float32", None):
        state = make(0.1, **{word: dtype}, **given).init(W)
        wanted = original(f"{name}:optax")(0.1, **{word: dtype}, **given).init(W)
        assert optax.tree.get(state, slot)["w"].dtype == optax.tree.get(wanted, slot)["w"].dtype
    with pytest.raises(TypeError, match="Invalid slot_dtype: 'int32' of"):
        make(**{word: "int32"})
    assert word not in inspect.signature(build(name if name != "sgd" else "momentum", "jax")).parameters
