"""The optax factories as GradientTransformationExtraArgs: what a drop-in must do. The numbers are in test_jax.py."""

from __future__ import annotations

import inspect
import re
from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec.build import build
from test_jax import RULES, assert_close, factory, interpreted, problem, run

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")
jnp = jax.numpy
pytestmark = [pytest.mark.needs_jax, pytest.mark.sampled]

SOME = ["adam", "adafactor", "adam_l2", "adamx", "muon", "prodigy", "rmsprop_scalar", "schedule_free"]
VIEWS = [(rule, label) for rule in RULES for label in adaspec.load(rule).views]


def small(rule: str, dtype: str = "float32", n: int = 1) -> tuple[Any, Any]:
    params, grads = problem(rule, n)
    return jax.tree.map(lambda a: jnp.asarray(a, dtype), params), jax.tree.map(
        lambda *a: jnp.asarray(np.stack(a) if n > 1 else a[0], dtype), *grads
    )


def static(rule: str) -> tuple[str, ...]:
    return tuple(h.name for h in adaspec.load(rule).rule.hypers if h.kind == "Count")


def assert_same(a: Any, b: Any, tolerance: float = 2e-6) -> None:
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert x.dtype == y.dtype
        assert_close(x, y, tolerance)


@pytest.mark.parametrize("rule", RULES)
def test_signature(rule: str) -> None:
    """optax's own names with the spec's defaults, a docstring that says the rule, and the right type."""
    spec, make = adaspec.load(rule), build(rule, "jax")
    parameters = inspect.signature(make).parameters
    own = {"lr": "learning_rate", "beta1": "b1", "beta2": "b2", "beta3": "b3"}
    more = {"mask": None} if "mask" in parameters else {}
    more |= {"slot_dtype": None} if any(slot.dtype is None for slot in spec.core.slots) else {}
    assert list(parameters) == [*(own.get(name, name) for name in spec.hypers), *more]
    assert [p.default for p in parameters.values()] == [*spec.defaults.values(), *more.values()]
    assert spec.title in make.__doc__ and make.__name__ == rule
    assert isinstance(make(), optax.GradientTransformationExtraArgs)


@pytest.mark.parametrize("rule", RULES)
def test_contract(rule: str) -> None:
    """State and updates keep shape, dtype and structure; a second call compiles nothing; extra arguments pass."""
    tx = build(rule, "jax")()
    for dtype in ("float32", "bfloat16"):
        params, grads = small(rule, dtype)
        state = tx.init(params)
        assert state.count.dtype == jnp.int32 and state.count.shape == ()
        calls = []

        @jax.jit
        def step(grads: Any, state: Any, params: Any, calls: list[int] = calls) -> Any:
            calls.append(1)
            return tx.update(grads, state, params, value=1.0)

        updates, after = step(grads, state, params)
        assert jax.tree.map(lambda a: (a.shape, a.dtype), updates) == jax.tree.map(lambda a: (a.shape, a.dtype), grads)
        assert jax.tree.structure(after) == jax.tree.structure(state)
        assert jax.tree.map(lambda a: (a.shape, a.dtype, a.weak_type), after) == jax.tree.map(
            lambda a: (a.shape, a.dtype, False), state
        )
        step(grads, after, params)
        assert len(calls) == 1
        fewer, _ = tx.update(jax.tree.map(lambda g: g.astype(jnp.bfloat16), grads), state, params)
        assert all(u.dtype == jnp.bfloat16 for u in jax.tree.leaves(fewer))


@pytest.mark.parametrize("rule", RULES)
def test_inject_hyperparams(rule: str) -> None:
    """Every number may be traced instead: the same steps, and a change takes effect without compiling again."""
    params, grads = problem(rule, 5)
    with jax.enable_x64(True):
        inner = build(rule, "jax")
        tx = optax.inject_hyperparams(inner, static_args=static(rule))()
        plain, _ = run(inner(), params, grads, "float64")
        got, state = run(tx, params, grads, "float64", jax.jit)
        for k, x in plain[-1].items():
            assert_close(got[-1][k], x, 1e-12)
        x = jax.tree.map(jnp.asarray, params)
        if "learning_rate" in state.hyperparams:
            state.hyperparams["learning_rate"] = jnp.asarray(0.0)
            updates, _ = tx.update(jax.tree.map(jnp.asarray, grads[0]), state, x)
            reached = [float(jnp.max(jnp.abs(u), initial=0)) for u in jax.tree.leaves(updates)]
            assert rule == "schedule_free" or max(reached) == 0


def test_static_hyperparameters() -> None:
    with pytest.raises(TypeError, match="static_args='steps'"):
        optax.inject_hyperparams(build("muon", "jax"))().init({"w": jnp.ones((2, 2))})
    for bad in (-1, 1.5, float("nan")):
        with pytest.raises(ValueError, match="Invalid steps"):
            build("muon", "jax")(steps=bad)


@pytest.mark.parametrize("rule", RULES)
def test_schedules(rule: str) -> None:
    """A callable is called with the number of updates made before, t - 1, as optax does."""
    spec = adaspec.load(rule)
    params, grads = problem(rule, 4)
    meaning = adaspec.interpret(spec)
    x, state = params, meaning.init(params)
    for t, g in enumerate(grads):
        x, state = meaning.step(x, g, state, lr=0.01 / (1 + t))
    with jax.enable_x64(True):
        got, _ = run(
            build(rule, "jax")(learning_rate=lambda count: 0.01 / (1 + count)), params, grads, "float64", jax.jit
        )
        for k, wanted in x.items():
            assert_close(got[-1][k], wanted, 1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_domains(rule: str) -> None:
    """Numbers outside a domain are refused with the domain; arrays and schedules pass; words are no numbers."""
    make, kinds = build(rule, "jax"), {h.kind for h in adaspec.load(rule).rule.hypers}
    bad: dict[str, tuple[float, ...]] = {"Decay": (-0.1, 1.0), "Rate": (-1.0,), "Positive": (0.0, -1.0), "Real": ()}
    text = {"Decay": r"\[0, 1\)", "Rate": r"\[0, inf\)", "Positive": r"\(0, inf\)", "Real": r"\(-inf, inf\)"}
    for hyper in adaspec.load(rule).rule.hypers:
        if hyper.static:
            continue
        public = {"lr": "learning_rate"}.get(hyper.name, re.sub(r"^beta(?=\d*$)", "b", hyper.name))
        for value in (*bad[hyper.kind], float("nan"), float("inf")):
            with pytest.raises(ValueError, match=f"Invalid {public}: .*, must be in {text[hyper.kind]}"):
                make(**{public: value})
        for value in ("0.5", [0.5], *(() if hyper.optional else (None,))):
            with pytest.raises(TypeError, match=f"Invalid {public}"):
                make(**{public: value})
        for value in (np.float32(0.5), np.array(0.5), np.float64(0.5), jnp.float32(2.0), jnp.float32(-1.0)):
            make(**{public: value})
    with pytest.raises(TypeError, match="momentun"):
        make(momentun=0.9)
    assert kinds <= {*bad, "Count", "Flag"}


@pytest.mark.parametrize("rule", SOME)
def test_trees(rule: str) -> None:
    """Lists, nests, one array, nothing at all, None, and arrays without elements."""
    make = build(rule, "jax")
    tx, w, g = make(), jnp.linspace(1, 2, 6).reshape(2, 3), jnp.linspace(-1, 3, 6).reshape(2, 3)
    alone, _ = tx.update(g, tx.init(w), w)
    for tree in (lambda a: [a], lambda a: {"x": {"y": (a,)}}, lambda a: {"a": a, "n": None}):
        updates, state = tx.update(tree(g), tx.init(tree(w)), tree(w))
        assert jax.tree.structure(updates) == jax.tree.structure(tree(g))
        assert_same(jax.tree.leaves(updates)[0], alone, 0.0)
    empty = tx.init({})
    updates, state = tx.update({}, empty, {})
    assert updates == {} and int(state.count) == 1
    assert_same(state._replace(count=empty.count), empty, 0.0)
    params = {"a": w, "b": w, "z": jnp.zeros((0, 3))}
    before = tx.init(params)
    updates, state = jax.jit(tx.update)({"a": g, "b": None, "z": jnp.zeros((0, 3))}, before, params)
    assert updates["b"] is None and updates["z"].shape == (0, 3)
    assert_same(updates["a"], alone, 1e-6)
    for old, new in zip(before, state, strict=True):
        if isinstance(old, dict):
            assert_same((old["b"], old["z"]), (new["b"], new["z"]), 0.0)


@pytest.mark.parametrize("rule", SOME)
def test_optax_company(rule: str) -> None:
    """chain, masked, partition, MultiSteps, apply_if_finite, scan with donated buffers, vmap."""
    make = build(rule, "jax")
    params, grads = small(rule, n=3)
    first = jax.tree.map(lambda a: a[0], grads)
    alone, _ = make().update(first, make().init(params), params)
    chained = optax.chain(optax.identity(), make())
    for wrapper in (chained, optax.apply_if_finite(make(), 3), optax.MultiSteps(make(), 1)):
        updates, _ = jax.jit(wrapper.update)(first, wrapper.init(params), params)
        assert_same(updates, alone)
    mask = {k: k == "p3" for k in params}
    for partial in (
        optax.masked(make(), mask),
        optax.partition({True: make(), False: optax.identity()}, mask),
    ):
        updates, _ = partial.update(first, partial.init(params), params)
        lone, _ = make().update(first["p3"], make().init(params["p3"]), params["p3"])
        assert_same(updates["p3"], lone)
        assert_same(updates["p1"], first["p1"], 0.0)

    def steps(params: Any, state: Any, grads: Any) -> Any:
        def one(carry: Any, g: Any) -> Any:
            updates, state = chained.update(g, carry[1], carry[0])
            return (optax.apply_updates(carry[0], updates), state), None

        return jax.lax.scan(one, (params, state), grads)[0]

    looped, _ = run(make(), params, [jax.tree.map(lambda a, i=i: a[i], grads) for i in range(3)], "float32")
    state = chained.init(params)
    (scanned, _) = jax.jit(steps, donate_argnums=(0, 1))(jax.tree.map(jnp.copy, params), state, grads)
    assert_same(scanned, looped[-1], 1e-5)
    both = jax.tree.map(lambda a: jnp.stack([a, 2 * a]), params), jax.tree.map(lambda a: jnp.stack([a, a]), first)
    mapped, _ = jax.vmap(make().update)(both[1], jax.vmap(make().init)(both[0]), both[0])
    assert_same(jax.tree.map(lambda a: a[0], mapped), alone)


@pytest.mark.parametrize("rule", SOME)
def test_state_is_known_to_optax(rule: str) -> None:
    tx = build(rule, "jax")()
    params, _ = small(rule)
    state = optax.chain(tx).init(params)
    assert int(optax.tree_utils.tree_get(state, "count")) == 0
    doubled = optax.tree_utils.tree_map_params(tx, lambda a: a + 1, tx.init(params))
    assert int(doubled.count) == 0
    for slot in adaspec.load(rule).slots:
        before, after = jax.tree.leaves(getattr(tx.init(params), slot)), jax.tree.leaves(getattr(doubled, slot))
        assert all(jnp.array_equal(a + 1, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("rule", RULES)
def test_init_owns_its_buffers(rule: str) -> None:
    """No slot is the parameter itself, or another slot: donating one must not destroy the other."""
    params, _ = small(rule)
    leaves = [*jax.tree.leaves(build(rule, "jax")().init(params)), *jax.tree.leaves(params)]
    at = [leaf.unsafe_buffer_pointer() for leaf in leaves if leaf.size]
    assert len(set(at)) == len(at)


def test_refusals() -> None:
    params = {"w": jnp.ones((2, 2))}
    tx = build("lamb", "jax")()
    with pytest.raises(ValueError, match=r"lamb reads the parameters: call update\(updates, state, params\)"):
        tx.update(params, tx.init(params))
    with pytest.raises(ValueError, match=r"muon updates matrices; .* \(parameter \['b'\] has shape \(3,\)\)"):
        build("muon", "jax")().init(params | {"b": jnp.ones(3)})
    with pytest.raises(TypeError, match=r"parameter \['b'\] is int32: parameters are floating or complex arrays"):
        build("adam", "jax")().init(params | {"b": jnp.ones(3, jnp.int32)})
    with pytest.raises(TypeError, match=r"parameter \['b'\] is int32: parameters are real floating arrays"):
        build("adafactor", "jax")().init(params | {"b": jnp.ones(3, jnp.int32)})
    adam = build("adam", "jax")()
    adam.update(params, adam.init(params))  # reads no parameter


@pytest.mark.parametrize(("rule", "label"), VIEWS)
def test_views(rule: str, label: str) -> None:
    """The transformation and the factory both have `view`, and it is the interpreter's."""
    spec, hypers = adaspec.load(rule), {"beta1": 0.7}
    params, grads = problem(rule, 5)
    path, meaning = interpreted(spec, params, grads, hypers)
    wanted = adaspec.interpret(spec, **hypers).view(label, path[-1], meaning)
    with jax.enable_x64(True):
        tx = factory(spec, hypers)
        got, state = run(tx, params, grads, "float64")
        for view in (tx.view(label, got[-1], state), build(spec, "jax").view(label, got[-1], state, b1=0.7)):
            for k, x in wanted.items():
                assert_close(view[k], x, 1e-12)
        with pytest.raises(ValueError, match=f"has no view 'nothing': it has {label}"):
            tx.view("nothing", got[-1], state)


@pytest.mark.parametrize("rule", ["adam", "lamb", "adam_l2"])
def test_edges(rule: str) -> None:
    """lr = 0 changes nothing; b = 0 has a logarithm; a zero gradient stands still; NaN stays in its array."""
    make = build(rule, "jax")
    w = {"a": jnp.arange(3.0), "b": jnp.ones(2)}
    still, state = make(learning_rate=0).update(w, make().init(w), w)
    assert all(jnp.all(u == 0) for u in jax.tree.leaves(still)) and int(state.count) == 1
    for b in (0, 0.0, jnp.float32(0)):
        updates, _ = make(b1=b, b2=b).update(w, make().init(w), w)
        assert all(jnp.isfinite(u).all() for u in jax.tree.leaves(updates))
    updates, _ = make().update(jax.tree.map(jnp.zeros_like, w), make().init(w), w)
    assert all(jnp.all(u == 0) for u in jax.tree.leaves(updates))
    broken, _ = make().update(w | {"a": jnp.array([1.0, jnp.nan, 2.0])}, make().init(w), w)
    assert jnp.isfinite(broken["b"]).all()
