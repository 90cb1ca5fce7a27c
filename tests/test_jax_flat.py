"""Parameters as vectors: the numbers of the trees, a state that travels, and rules that need each array by itself."""

from __future__ import annotations

import copy
import pickle
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

# Slots that may be absent, a first gradient, a branch on t, sums over the model, a view.
ELEMENTWISE = ["adamw", "adan", "lookahead", "prodigy", "schedule_free"]
WHOLE = {
    "adafactor": "asks for the shape of a parameter|keeps 'row'",
    "lamb": "looks at a parameter as a whole \\('norm'\\)",
    "muon": "asks for the shape of a parameter",
    "nadam": "keeps 'past', which is not of its parameter's shape",
    "sgld": "draws noise for each parameter",
}


def problem(dtype: str = "float32") -> tuple[Any, list[Any]]:
    """Four parameters, one of them a number, and one without elements; two gradients."""
    rng = np.random.default_rng(1)
    shapes = {"w": [(3, 4), (5,)], "s": (), "none": (0, 2)}

    def tree() -> Any:
        leaf = lambda shape: jnp.asarray(rng.standard_normal(shape), dtype)  # noqa: E731
        return jax.tree.map(leaf, shapes, is_leaf=lambda s: isinstance(s, tuple))

    return tree(), [tree() for _ in range(2)]


def run(tx: Any, params: Any, grads: list[Any]) -> tuple[Any, Any]:
    @jax.jit
    def step(params: Any, state: Any, grads: Any) -> Any:
        updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    state = tx.init(params)
    for g in grads:
        params, state = step(params, state, g)
    return params, state


def assert_equal(a: Any, b: Any, ulp: float = 4) -> None:
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert x.dtype == y.dtype and x.shape == y.shape
        if x.size:
            np.testing.assert_allclose(x, y, rtol=ulp * 2.0**-23, atol=ulp * 2.0**-23 * float(jnp.max(jnp.abs(y))))


@pytest.mark.parametrize("rule", ELEMENTWISE)
def test_the_numbers_are_those_of_the_tree(rule: str) -> None:
    params, grads = problem()
    factory = build(rule, "jax")
    one, state = run(factory(), params, grads)
    many, flat_state = run(
        adaspec.jax.flat(factory)(), adaspec.jax.ravel(params), [adaspec.jax.ravel(g) for g in grads]
    )
    assert_equal(many.tree, one)
    for name, value in zip(state._fields, flat_state, strict=True):
        own = getattr(state, name)
        assert_equal(value.tree if hasattr(value, "tree") else value, own)
    for label in adaspec.load(rule).views:
        assert_equal(factory().view(label, many, flat_state).tree, factory().view(label, one, state))
        assert_equal(adaspec.jax.flat(factory)().view(label, many, flat_state).tree, factory().view(label, one, state))


def test_a_bfloat16_parameter_has_a_vector_of_its_own() -> None:
    params, grads = problem()
    half = {**params, "s": params["s"].astype("bfloat16")}
    flat = adaspec.jax.ravel(half)
    assert {name: v.shape for name, v in flat.vectors.items()} == {"float32": (17,), "bfloat16": (1,)}
    grads = [{**g, "s": g["s"].astype("bfloat16")} for g in grads]
    tx = adaspec.jax.flat(adaspec.jax.adam)(1e-2)
    assert_equal(
        run(tx, flat, [flat.layout.joined(g) for g in grads])[0].tree, run(adaspec.jax.adam(1e-2), half, grads)[0]
    )


@pytest.mark.parametrize("rule", WHOLE)
def test_a_rule_that_needs_each_parameter_is_refused(rule: str) -> None:
    with pytest.raises(ValueError, match=rf"^flat: {rule} ({WHOLE[rule]}).*: it needs every parameter by itself$"):
        adaspec.jax.flat(build(rule, "jax"))


def test_a_mask_holds_for_whole_vectors() -> None:
    """Weight decay where the mask says, each kind in a vector of its own; a vector of both kinds is an error."""
    params, grads = problem()
    mask = lambda params: jax.tree.map(lambda p: p.ndim > 1, params)  # noqa: E731
    tx = adaspec.jax.flat(adaspec.jax.adamw)(1e-2, weight_decay=0.5, mask=mask)
    flat = adaspec.jax.ravel(params, groups=mask)
    assert sorted(flat.vectors) == ["float32[False]", "float32[True]"]
    plain = adaspec.jax.adamw(1e-2, weight_decay=0.5, mask=mask)
    assert_equal(run(tx, flat, [flat.layout.joined(g) for g in grads])[0].tree, run(plain, params, grads)[0])
    given = adaspec.jax.flat(adaspec.jax.adamw)(1e-2, weight_decay=0.5, mask=mask(params))
    assert_equal(run(given, flat, [flat.layout.joined(g) for g in grads])[0].tree, run(plain, params, grads)[0])
    with pytest.raises(ValueError, match=r"the mask holds for some parameters .* ravel\(params, groups=mask\)"):
        run(tx, adaspec.jax.ravel(params), [adaspec.jax.ravel(g) for g in grads])


def test_the_gradient_of_a_loss_is_flat() -> None:
    """The way it is meant: the loss reads the tree, nothing else of the program knows of vectors."""
    params, _ = problem()
    loss = lambda params: sum(jnp.sum(p**2) for p in jax.tree.leaves(params))  # noqa: E731
    tx = optax.chain(optax.clip_by_global_norm(1.0), adaspec.jax.flat(adaspec.jax.adam)(1e-2))
    flat = adaspec.jax.ravel(params)
    grads = jax.jit(jax.grad(lambda flat: loss(flat.tree)))(flat)
    assert_equal(grads.tree, jax.grad(loss)(params))
    plain = optax.chain(optax.clip_by_global_norm(1.0), adaspec.jax.adam(1e-2))
    assert_equal(run(tx, flat, [grads] * 3)[0].tree, run(plain, params, [grads.tree] * 3)[0], ulp=8)
    injected = optax.inject_hyperparams(adaspec.jax.flat(adaspec.jax.adam))(learning_rate=1e-2)
    assert_equal(run(injected, flat, [grads])[0].tree, run(adaspec.jax.adam(1e-2), params, [grads.tree])[0])


def test_ravel_gives_away_no_memory_of_the_parameters() -> None:
    """Also of one vector alone: what is donated is the copy."""
    params = jnp.arange(3.0)
    flat = adaspec.jax.ravel(params)
    jax.jit(lambda flat: jax.tree.map(lambda v: v + 1, flat), donate_argnums=0)(flat)
    assert not params.is_deleted() and params.tolist() == [0, 1, 2]


def test_equal_layouts_are_one() -> None:
    """A compiled step compares them at every call; a copy and a pickle have the same."""
    params, (one, other) = problem()
    flat = adaspec.jax.ravel(params)
    again = [adaspec.jax.ravel(one), copy.deepcopy(flat), pickle.loads(pickle.dumps(flat))]
    assert all(a.layout is flat.layout for a in again)
    assert adaspec.jax.ravel({**other, "s": jnp.zeros(2)}).layout is not flat.layout


def test_a_state_travels_between_vectors_and_trees(tmp_path: Path) -> None:
    """Slots are known by the path of their parameter, however they lie."""
    params, grads = problem()
    tx, plain = adaspec.jax.flat(adaspec.jax.adam)(1e-2), adaspec.jax.adam(1e-2)
    flat = adaspec.jax.ravel(params)
    _, state = run(tx, flat, [flat.layout.joined(g) for g in grads])
    _, own = run(plain, params, grads)
    adaspec.save_state(state, tmp_path / "flat", params=flat)
    adaspec.save_state(own, tmp_path / "tree", params=params)
    to_tree = adaspec.load_state(tmp_path / "flat", plain.init(params), params=params)
    to_flat = adaspec.load_state(tmp_path / "tree", tx.init(flat), params=flat)
    assert_equal(to_tree, own)
    assert int(to_flat.count) == 2
    assert_equal(to_flat.m.tree, own.m, ulp=0)
    assert jax.tree.structure(to_flat) == jax.tree.structure(state)
    with pytest.raises(ValueError, match="only one of them is raveled"):
        adaspec.save_state(own, tmp_path / "odd", params=flat)


def test_what_is_no_vector_or_no_factory_is_refused() -> None:
    params, _ = problem()
    with pytest.raises(TypeError, match=r"^flat takes a factory of adaspec.jax, as adaspec.jax.adam, not "):
        adaspec.jax.flat(optax.adam)
    tx = adaspec.jax.flat(adaspec.jax.adam)()
    with pytest.raises(TypeError, match=r"^params is a dict, not what adaspec.jax.ravel makes"):
        tx.init(params)
    flat = adaspec.jax.ravel(params)
    with pytest.raises(TypeError, match=r"^updates is a dict, not what adaspec.jax.ravel makes"):
        tx.update(params, tx.init(flat))
    with pytest.raises(TypeError, match=r"^parameter \['n'\] is int32"):
        adaspec.jax.ravel({"n": jnp.arange(3)})
    with pytest.raises(TypeError, match=r"^there is no parameter to ravel$"):
        adaspec.jax.ravel({})
    with pytest.raises(ValueError, match=r"an array of shape \(2,\) where the parameters have none"):
        flat.layout.joined({**params, "s": jnp.zeros(2)})
    assert repr(flat) == "Flat(4 arrays in float32: (18,))"
