"""What optax's wrappers make of an optax factory, in numbers: each against the steps that it stands for."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec.build import build
from adaspec.library import rules
from problem import MATRICES_ONLY, of_gradients_alone, problem

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")
jnp = jax.numpy
pytestmark = pytest.mark.needs_jax

SOME = ["lamb", "schedule_free"]
some = pytest.mark.parametrize("rule", SOME)


def tree(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {"a": jnp.asarray(rng.normal(size=3), jnp.float32), "b": jnp.asarray(rng.normal(size=(2, 2)), jnp.float32)}


def run(tx: Any, grads: list[Any], params: Any = None, **extra: Any) -> tuple[Any, Any]:
    """The parameters and the state after a step for each gradient."""
    params = tree(0) if params is None else params
    state = tx.init(params)
    for g in grads:
        updates, state = tx.update(g, state, params, **extra)
        params = optax.apply_updates(params, updates)
    return params, state


def assert_same(a: Any, b: Any, tolerance: float = 1e-6) -> None:
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)


@some
def test_multi_steps(rule: str) -> None:
    """Two gradients a step are one step of their mean, and nothing moves before the second."""
    grads = [tree(k) for k in range(1, 5)]
    means = [jax.tree.map(lambda a, b: (a + b) / 2, *grads[k : k + 2]) for k in (0, 2)]
    got, state = run(optax.MultiSteps(build(rule, "jax")(), 2), grads)
    wanted, alone = run(build(rule, "jax")(), means)
    assert_same(got, wanted)
    assert_same(state.inner_opt_state, alone)
    still, _ = run(optax.MultiSteps(build(rule, "jax")(), 2), grads[:1])
    assert_same(still, tree(0), 0.0)


@some
def test_apply_if_finite(rule: str) -> None:
    """A gradient that is not finite changes neither the parameters nor the state."""
    grads = [tree(1), tree(2)]
    bad = grads[0] | {"a": jnp.full(3, jnp.nan)}
    got, state = run(optax.apply_if_finite(build(rule, "jax")(), 5), [grads[0], bad, grads[1]])
    wanted, alone = run(build(rule, "jax")(), grads)
    assert_same(got, wanted)
    assert_same(state.inner_state, alone)
    skipping = optax.MultiSteps(build(rule, "jax")(), 1, should_skip_update_fn=optax.skip_not_finite)
    assert_same(run(skipping, [grads[0], bad, grads[1]])[0], wanted)


@some
def test_conditions(rule: str) -> None:
    """Every other step is the rule's; in between gradients pass, or nothing does."""
    grads = [tree(k) for k in range(1, 5)]
    masked, state = run(optax.conditionally_mask(build(rule, "jax")(), lambda step: step % 2 == 0), grads)
    wanted, alone = run(build(rule, "jax")(), grads[::2])
    assert_same(masked, wanted)
    assert_same(state.inner_state, alone)
    passing = optax.conditionally_transform(build(rule, "jax")(), lambda step: step < 0)
    updates, _ = passing.update(grads[0], passing.init(tree(0)), tree(0))
    assert_same(updates, grads[0], 0.0)


@some
def test_parts(rule: str) -> None:
    """Each part of a model by a rule of its own, and one that is frozen."""
    grads = [tree(k) for k in range(1, 4)]
    labels = {"a": "ours", "b": "still"}
    parts = optax.partition({"ours": build(rule, "jax")(), "still": optax.set_to_zero()}, labels)
    got, _ = run(parts, grads)
    wanted, _ = run(build(rule, "jax")(), [{"a": g["a"]} for g in grads], {"a": tree(0)["a"]})
    assert_same(got, {"a": wanted["a"], "b": tree(0)["b"]})
    frozen = optax.chain(build(rule, "jax")(), optax.transforms.freeze({"a": False, "b": True}))
    got, _ = run(frozen, grads[:1])
    whole, _ = run(build(rule, "jax")(), grads[:1])
    assert_same(got, {"a": whole["a"], "b": tree(0)["b"]})


DECAYING = [n for n in rules() if "weight_decay" in adaspec.load(n).hypers and not adaspec.load(n).inputs]


@pytest.mark.sampled
@pytest.mark.parametrize("rule", DECAYING)
def test_weight_decay_mask(rule: str) -> None:
    """Each array is what it is with weight decay, or without, and so are its slots; a tree, a prefix or a function."""
    make, grads = build(rule, "jax"), [tree(1), tree(2)]
    grads, params = ([{"in": g, "out": g["b"]} for g in grads], {"in": tree(0), "out": tree(0)["b"]})
    if rule in MATRICES_ONLY:
        for part in (*grads, params):
            part["in"].pop("a")
    spec = adaspec.load(rule)
    if "mask" not in inspect.signature(make).parameters:
        assert spec.views or "total(" in spec.text or spec.hypers["weight_decay"].kind != "Rate"
        return
    decayed, plain = (run(make(weight_decay=w), grads, params) for w in (0.3, 0.0))
    wanted = {"in": decayed[0]["in"], "out": plain[0]["out"]}
    prefix = {"in": True, "out": False}
    whole = jax.tree.map(lambda a: True, params) | {"out": False}
    for mask in (prefix, whole, lambda params: jax.tree.map(lambda a: True, params) | {"out": False}):
        got, state = run(make(weight_decay=0.3, mask=mask), grads, params)
        assert_same(got, wanted)
        for field in state._fields[1:]:
            if field in spec.shared:
                continue
            slots = getattr(state, field)
            assert_same(slots["in"], getattr(decayed[1], field)["in"])
            assert_same(slots["out"], getattr(plain[1], field)["out"])
    assert rule not in {"adamw", "lamb"} or not jnp.array_equal(decayed[0]["out"], plain[0]["out"])


def test_weight_decay_mask_of_optax() -> None:
    """Where the original takes a mask; with hyperparameters that are injected, too."""
    grads = [tree(1), tree(2)]
    given: dict[str, Any] = {"learning_rate": 0.1, "weight_decay": 0.3, "mask": {"a": True, "b": False}}
    for name in ("adamw", "lion", "lamb"):
        assert_same(
            run(build(f"{name}:optax", "jax")(**given), grads)[0], run(getattr(optax, name)(**given), grads)[0], 1e-5
        )
    injected = optax.inject_hyperparams(build("adamw:optax", "jax"), static_args="mask")(**given)
    assert_same(run(injected, grads)[0], run(optax.adamw(**given), grads)[0], 1e-5)
    for name in ("dog", "schedule_free", "momentum"):  # of the whole model, of a view, and without weight decay
        assert "mask" not in inspect.signature(build(name, "jax")).parameters


def test_flatten() -> None:
    """A rule that takes each number by itself does not know that the arrays are one."""
    grads = [tree(k) for k in range(1, 4)]
    assert_same(run(optax.flatten(build("adax", "jax")()), grads)[0], run(build("adax", "jax")(), grads)[0])


@some
def test_lookahead(rule: str) -> None:
    """The slow weights go half of the way that the fast ones went in two steps."""
    grads = [tree(1), tree(2)]
    tx = optax.lookahead(build(rule, "jax")(), 2, 0.5)
    params = optax.LookaheadParams.init_synced(tree(0))
    state = tx.init(params)
    for g in grads:
        updates, state = tx.update(g, state, params)
        params = optax.apply_updates(params, updates)
    fast, _ = run(build(rule, "jax")(), grads)
    assert_same(params.slow, jax.tree.map(lambda a, b: (a + b) / 2, tree(0), fast))


@some
def test_chains(rule: str) -> None:
    """Between clipping, an average, and a rate that falls where the loss does not."""
    grads = [tree(k) for k in range(1, 4)]
    chain = optax.named_chain(("clip", optax.clip(0.1)), ("rule", build(rule, "jax")()))
    got, state = run(chain, grads)
    wanted, alone = run(build(rule, "jax")(), [jax.tree.map(lambda a: jnp.clip(a, -0.1, 0.1), g) for g in grads])
    assert_same(got, wanted)
    assert_same(state["rule"], alone)
    plateau = optax.chain(build(rule, "jax")(), optax.contrib.reduce_on_plateau(patience=1, factor=0.5))
    got, _ = run(plateau, grads[:2], value=jnp.float32(1.0))
    assert all(bool(jnp.isfinite(a).all()) for a in jax.tree.leaves(got))


@some
def test_a_batch_of_rates(rule: str) -> None:
    """`vmap` over hyperparameters is one run for each of them."""
    make, w, g = build(rule, "jax"), tree(0), tree(1)

    def alone(lr: Any, b1: Any) -> Any:
        tx = make(learning_rate=lr, b1=b1)
        return tx.update(g, tx.init(w), w)

    rates, decays = jnp.array([0.1, 0.01, 0.5]), jnp.array([0.9, 0.5, 0.8])
    many = jax.jit(jax.vmap(alone))(rates, decays)
    for k in range(3):
        assert_same(jax.tree.map(lambda a, k=k: a[k], many), alone(float(rates[k]), float(decays[k])))


@some
def test_nothing_is_compiled_twice(rule: str) -> None:
    """Not for the second step, not for another rate, not for a state that was copied; x64 is a type of its own."""
    tx = optax.inject_hyperparams(build(rule, "jax"))(learning_rate=0.1)
    update = jax.jit(tx.update, donate_argnums=1)
    for x64 in (False, True):
        with jax.enable_x64(x64):
            dtype = jnp.dtype("float64" if x64 else "float32")
            w, g = optax.tree.cast(tree(0), dtype), optax.tree.cast(tree(1), dtype)
            _, state = update(g, tx.init(w), w)
            for lr in (0.2, 0.3):
                state = optax.tree.set(state, learning_rate=jnp.asarray(lr, dtype))
                updates, state = update(g, state, w)
            _, state = update(g, jax.tree.map(jnp.copy, state), w)
            assert {a.dtype for a in jax.tree.leaves((updates, state.inner_state._replace(count=w)))} == {dtype}
        assert update._cache_size() == 1 + x64


@pytest.mark.sampled
@pytest.mark.parametrize("rule", of_gradients_alone())
def test_a_schedule_for_each_hyperparameter(rule: str) -> None:
    """All fall at once: the steps are the interpreter's, which is given the numbers of each."""
    spec = adaspec.load(rule)
    make, numbers = build(rule, "jax"), {h.name: h.default for h in spec.rule.hypers if not (h.static or h.optional)}
    falling = {n: lambda count, v=v: v * (1 - 0.125 * count) for n, v in numbers.items()}
    params, grads = problem(rule, 4)
    meaning = adaspec.interpret(spec)
    wanted, kept = params, meaning.init(params)
    for k, g in enumerate(grads):
        wanted, kept = meaning.step(wanted, g, kept, **{n: fall(k) for n, fall in falling.items()})
    with jax.enable_x64(True):
        tx = make(**falling)
        x = jax.tree.map(jnp.asarray, params)
        state, update = tx.init(x), jax.jit(tx.update)
        for g in grads:
            updates, state = update(jax.tree.map(jnp.asarray, g), state, x)
            x = optax.apply_updates(x, updates)
        assert update._cache_size() == 1
    for got, value in zip(x, wanted, strict=True):
        np.testing.assert_allclose(got, value, rtol=1e-11, atol=1e-11)


class Halving(optax.schedules.StatefulSchedule):
    """A rate that is halved whenever the loss is not below 1."""

    def init(self) -> Any:
        return jnp.float32(0.5)

    def update(self, state: Any, **extra: Any) -> Any:
        return jnp.where(extra["value"] < 1, state, state / 2)

    def __call__(self, state: Any, **extra: Any) -> Any:
        return state


def test_a_schedule_with_a_state() -> None:
    """`inject_hyperparams` hands it what `update` is given; its old name does so too."""
    for inject in (optax.inject_hyperparams, optax.inject_stateful_hyperparams):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            tx = inject(build("lamb", "jax"))(learning_rate=Halving())
        state = tx.init(tree(0))
        for k, rate in enumerate((0.5, 0.25, 0.25)):
            updates, state = tx.update(tree(1), state, tree(0), value=jnp.float32([2.0, 0.5, 0.5][k]))
            assert float(state.hyperparams["learning_rate"]) == rate
        assert jax.tree.structure(updates) == jax.tree.structure(tree(0))
