"""What holds of an optax factory before anything is compiled: it is traced alone, on abstract arrays.

Shapes, dtypes and weak types are known by then, and so is every Python branch on a value that is traced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import adaspec
from adaspec.backends.jax import PUBLIC_INPUTS
from adaspec.build import build
from adaspec.library import rules
from adaspec.noise import SEED
from adaspec.spec import Spec
from adaspec.verification import supplied
from problem import MATRICES_ONLY

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")
jnp = jax.numpy
pytestmark = pytest.mark.needs_jax

every_rule = pytest.mark.parametrize("rule", rules())
sampled = pytest.mark.sampled


class Case(NamedTuple):
    """A factory with what a step of it is given."""

    spec: Spec
    make: Callable[..., Any]
    params: dict[str, Any]
    grads: dict[str, Any]
    extra: dict[str, Any]
    numbers: dict[str, float]
    """The hyperparameters that may be traced, with their defaults, by optax's names."""
    static: tuple[str, ...]


def case(rule: str, dtype: str = "float32", seed: int = 0) -> Case:
    spec, make, rng = adaspec.load(rule), build(rule, "jax"), np.random.default_rng(seed)
    shapes = {"a": (2, 2), "b": (3, 2)} if rule in MATRICES_ONLY else {"a": (3,), "b": (2, 2), "c": ()}
    params, grads = ({k: jnp.asarray(rng.normal(size=s), dtype) for k, s in shapes.items()} for _ in range(2))
    given = supplied(spec, seed, 0, [np.asarray(g, np.float64) for g in grads.values()])
    extra = {
        PUBLIC_INPUTS.get(n, n): dict(zip(grads, (jnp.asarray(a, dtype) for a in v), strict=True))
        if isinstance(v, list)
        else jnp.asarray(v, "float32")
        for n, v in given.items()
    }
    public = dict(zip(spec.hypers, make.__wrapped__.__annotations__, strict=False))
    hypers = spec.rule.hypers
    numbers = {public[h.name]: float(h.default) for h in hypers if not h.static and h.default is not None}
    static = tuple(public[h.name] for h in hypers if h.kind == "Count" and h.name != SEED)
    return Case(spec, make, params, grads, extra, numbers, static)


def kind(tree: Any) -> Any:
    """What `jax.lax.scan` asks of a carry: structure, shapes, dtypes, and that no type is weak."""
    return jax.tree.map(lambda a: (a.shape, a.dtype, getattr(a, "weak_type", False)), tree)


def stands(tx: Any, c: Case, params: Any = None, grads: Any = None, **extra: Any) -> Any:
    """Trace two steps in a scan, and one in a cond. Updates are like the gradients, the state like itself."""
    params, grads = c.params if params is None else params, c.grads if grads is None else grads
    extra = c.extra | extra

    def one(state: Any, _: Any = None) -> Any:
        updates, state = tx.update(grads, state, params, **extra)
        return state, updates

    def run(_: Any) -> Any:
        state = tx.init(params)
        final, updates = jax.lax.scan(one, state, length=2)
        chosen = jax.lax.cond(jax.tree.leaves(grads)[0].sum() > 0, lambda: one(state)[::-1], lambda: (grads, state))
        return state, final, chosen, jax.tree.map(lambda u: u[0], updates)

    state, final, chosen, updates = jax.eval_shape(run, 0)
    assert kind(state) == kind(final) == kind(chosen[1])
    # optax itself keeps an int that is injected as an array of a weak type.
    assert not any(leaf.weak_type for leaf in jax.tree.leaves(getattr(state, "inner_state", state)))
    assert [(u.shape, u.dtype) for u in jax.tree.leaves(updates)] == [
        (g.shape, g.dtype) for g in jax.tree.leaves(grads)
    ]
    assert jax.tree.structure(updates) == jax.tree.structure(grads)
    return state


@every_rule
def test_one_step(rule: str) -> None:
    """With every number traced, of bfloat16: updates are like the gradients, and the state is like itself."""
    c = case(rule, "bfloat16")

    def step(hypers: dict[str, Any]) -> Any:
        tx = c.make(**hypers)
        state = tx.init(c.params)
        return state, tx.update(c.grads, state, c.params, unheard_of=1, **c.extra)

    state, (updates, after) = jax.eval_shape(step, {n: jnp.float32(v) for n, v in c.numbers.items()})
    assert kind(state) == kind(after) and kind(updates) == kind(c.grads)
    leaves = jax.tree.leaves(state)
    assert not any(leaf.weak_type for leaf in leaves)
    assert leaves[0].dtype == jnp.int32 and {a.dtype for a in leaves[1:]} <= {jnp.dtype(jnp.float32)}


@sampled
@every_rule
def test_types_stand(rule: str) -> None:
    """Of half, single and double precision: the state's, and the updates', which are the gradients'."""
    for dtype in ("bfloat16", "float16", "float32"):
        c = case(rule, dtype)
        state = stands(c.make(), c)
        assert state.count.dtype == jnp.int32 and state._fields[0] == "count"
        floats = {a.dtype for a in jax.tree.leaves(state._replace(count=None))}
        assert floats <= {jnp.dtype(jnp.float32)}
    c = case(rule)
    mixed = jax.tree.map(lambda g: g.astype(jnp.bfloat16), c.grads)
    assert kind(stands(c.make(), c, grads=mixed)) == kind(state)
    with jax.enable_x64(True):
        for dtype in ("float32", "float64", "bfloat16"):
            c = case(rule, dtype)
            state = stands(c.make(), c)
            assert state.count.dtype == jnp.int32
            assert {a.dtype for a in jax.tree.leaves(state)} <= {
                jnp.dtype(jnp.int32),
                jnp.result_type(dtype, jnp.float32),
            }


@sampled
@every_rule
def test_hyperparameters_are_traced(rule: str) -> None:
    """All at once: injected, as schedules, as stateful schedules, as arguments of a jitted function, and in a batch."""
    c = case(rule)
    inject = optax.inject_hyperparams(c.make, static_args=c.static)
    injected = inject(**c.numbers)
    state = stands(injected, c)
    assert set(state.hyperparams) >= set(c.numbers)
    stands(c.make(**{n: lambda count, v=v: v * (1 + 0 * count) for n, v in c.numbers.items()}), c)
    scheduled = inject(**{n: optax.constant_schedule(v) for n, v in c.numbers.items()})
    assert set(stands(scheduled, c).hyperparams) == set(state.hyperparams)

    def alone(hypers: dict[str, Any]) -> Any:
        tx = c.make(**hypers)
        return tx.update(c.grads, tx.init(c.params), c.params, **c.extra)

    arrays = {n: jnp.full(2, v, jnp.float32) for n, v in c.numbers.items()}
    one = jax.eval_shape(alone, {n: a[0] for n, a in arrays.items()})
    if arrays:
        many = jax.eval_shape(jax.vmap(alone), arrays)
        assert [a.shape for a in jax.tree.leaves(many)] == [(2, *a.shape) for a in jax.tree.leaves(one)]


@sampled
@every_rule
def test_batches(rule: str) -> None:
    """`vmap` over parameters: the updates and the state of a batch have one axis more."""
    c = case(rule)
    tx = c.make()
    batch = jax.tree.map(lambda a: jnp.stack([a, a]), (c.params, c.grads, c.extra))

    def alone(params: Any, grads: Any, extra: Any) -> Any:
        return tx.update(grads, tx.init(params), params, **extra)

    one, many = jax.eval_shape(alone, c.params, c.grads, c.extra), jax.eval_shape(jax.vmap(alone), *batch)
    assert jax.tree.structure(one) == jax.tree.structure(many)
    assert [a.shape for a in jax.tree.leaves(many)] == [(2, *a.shape) for a in jax.tree.leaves(one)]


@sampled
@every_rule
def test_odd_trees(rule: str) -> None:
    """None gradients, None parameters, masked nodes, nothing at all, and arrays without elements."""
    c = case(rule)
    tx = c.make()
    extra = {k: v for k, v in c.extra.items() if not isinstance(v, dict)}

    def like(change: Callable[[dict[str, Any]], Any]) -> Any:
        arrays = {k: change(v) for k, v in c.extra.items() if isinstance(v, dict)}
        return stands(tx, c._replace(extra=extra), change(c.params), change(c.grads), **arrays)

    like(lambda tree: tree | {"b": None})
    like(lambda tree: [tree["a"], {"deep": (tree["b"],)}])
    like(lambda tree: tree | {"b": optax.MaskedNode()})
    like(lambda tree: tree["b"])
    like(lambda tree: tree | {"z": jnp.zeros((0, 3))})
    one = {k: v | {"b": None} if isinstance(v, dict) else v for k, v in c.extra.items()}
    updates, state = jax.eval_shape(lambda: tx.update(c.grads | {"b": None}, tx.init(c.params), c.params, **one))
    assert updates["b"] is None and kind(state) == kind(jax.eval_shape(tx.init, c.params))
    nothing = {k: {} if isinstance(v, dict) else v for k, v in c.extra.items()}
    updates, state = tx.update({}, tx.init({}), {}, **nothing)
    assert updates == {} and int(state.count) == 1


COMPANY: dict[str, Callable[[Any], Any]] = {
    "chain": lambda tx: optax.chain(optax.clip_by_global_norm(1.0), tx, optax.ema(0.9), optax.apply_every(2)),
    "named_chain": lambda tx: optax.named_chain(("first", optax.identity()), ("rule", tx)),
    "MultiSteps": lambda tx: optax.MultiSteps(tx, 4),
    "MultiSteps, skipping": lambda tx: optax.MultiSteps(tx, 2, should_skip_update_fn=optax.skip_not_finite),
    "apply_if_finite": lambda tx: optax.apply_if_finite(tx, 3),
    "conditionally_transform": lambda tx: optax.conditionally_transform(tx, lambda step: step % 2 == 0),
    "conditionally_mask": lambda tx: optax.conditionally_mask(tx, lambda step: step % 2 == 0),
    "with_extra_args_support": optax.with_extra_args_support,
    "freeze": lambda tx: optax.chain(tx, optax.transforms.freeze({"a": True, "b": False, "c": False})),
}
"""What optax puts around a transformation and hands every argument on."""


@sampled
@every_rule
def test_company(rule: str) -> None:
    c = case(rule)
    for name, around in COMPANY.items():
        if name == "freeze" and "c" not in c.params:
            continue
        stands(around(c.make()), c)
    measure = optax.transforms.measure_with_ema(optax.tree.norm, 0.9)
    watched = optax.chain(
        c.make(), optax.transforms.snapshot("norm", optax.tree.norm), optax.transforms.monitor({"ema": measure})
    )
    updates, _ = jax.eval_shape(lambda: watched.update(c.grads, watched.init(c.params), c.params, **c.extra))
    assert kind(updates) == kind(c.grads)
    if not c.extra:
        stands(optax.chain(c.make(), optax.contrib.reduce_on_plateau()), c, value=jnp.float32(1))
        fast = optax.LookaheadParams.init_synced(c.params)
        ahead = optax.lookahead(c.make(), 2, 0.5)
        jax.eval_shape(lambda: ahead.update(c.grads, ahead.init(fast), fast))
    if not c.extra and rule not in MATRICES_ONLY:
        jax.eval_shape(
            lambda: optax.flatten(c.make()).update(c.grads, optax.flatten(c.make()).init(c.params), c.params)
        )


@sampled
@every_rule
def test_parts_of_a_model(rule: str) -> None:
    """`masked`, `partition` and `multi_transform`: what is left out has no state."""
    c = case(rule)
    mask = {k: k == "b" for k in c.params}
    for partial in (
        optax.masked(c.make(), mask, mask_compatible_extra_args=True),
        optax.partition({True: c.make(), False: optax.set_to_zero()}, mask, mask_compatible_extra_args=True),
        optax.multi_transform({True: c.make(), False: c.make()}, mask, mask_compatible_extra_args=True),
    ):
        scalars = {k: v for k, v in c.extra.items() if not isinstance(v, dict)}
        if scalars == c.extra:
            stands(partial, c)
    kept = optax.masked(c.make(), mask).init(c.params).inner_state
    alone = c.make().init({"b": c.params["b"]})
    assert [a.shape for a in jax.tree.leaves(kept)] == [a.shape for a in jax.tree.leaves(alone)]


@sampled
@every_rule
def test_known_to_tree_utils(rule: str) -> None:
    """`tree_get`, `tree_set` and `tree_map_params` find the count, every slot, and what is injected."""
    c = case(rule)
    tx = optax.inject_hyperparams(c.make, static_args=c.static)(**c.numbers)
    state = jax.eval_shape(optax.chain(optax.identity(), tx).init, c.params)
    inner = state[1].inner_state
    for field in inner._fields[1:]:
        found = optax.tree.get_all_with_path(state, field)
        assert any(value is getattr(inner, field) or value == getattr(inner, field) for _, value in found), field
    counts = optax.tree.get_all_with_path(inner, "count")
    assert len(counts) == 1 and optax.tree.set(inner, count=7).count == 7
    for name in c.numbers:
        assert any("hyperparams" in str(path) for path, _ in optax.tree.get_all_with_path(state, name))
    if "learning_rate" in c.numbers:
        assert optax.tree.set(state, learning_rate=0.5)[1].hyperparams["learning_rate"] == 0.5
    made = c.make().init(c.params)
    mapped = optax.tree.map_params(c.make(), lambda a: "slot", made, transform_non_params=lambda a: "other")
    assert mapped.count == "other"
    for field in adaspec.load(rule).shared:
        assert getattr(mapped, next(f for f in made._fields if f.rstrip("_") == field)) == "other"
    assert set(jax.tree.leaves(mapped)) <= {"slot", "other"}
