"""The optax factories against the interpreter, on every spec and on odd ones: the numbers. Not their manners."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec.build import build
from adaspec.spec import Spec
from problem import MATRICES_ONLY, VARIANTS, of_gradients_alone

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")
jnp = jax.numpy
pytestmark = [pytest.mark.needs_jax, pytest.mark.sampled]

RULES = of_gradients_alone()
CASES = [(rule, hypers) for rule in RULES for hypers in ({}, *VARIANTS.get(rule, []))]
IDS = [f"{rule}-{'-'.join(hypers) or 'defaults'}" for rule, hypers in CASES]
SHAPES: list[tuple[int, ...]] = [(), (1,), (5,), (4, 3), (3, 4), (2, 2, 4, 3), (0,), (0, 3), (3, 0)]

Tree = dict[str, Any]


def factory(spec: Spec, hypers: dict[str, Any]) -> Any:
    """What the factory hands out, its hyperparameters given by the spec's own names."""
    return build(spec, "jax")(**hypers)


def problem(rule: str, steps: int, seed: int = 0) -> tuple[Tree, list[Tree]]:
    """Parameters and gradients as float64 NumPy arrays: noise about a lasting direction."""
    rng = np.random.default_rng(seed)
    shapes = [s for s in SHAPES if len(s) == 2] if rule in MATRICES_ONLY else SHAPES
    params = {f"p{i}": np.asarray(rng.normal(size=s)) for i, s in enumerate(shapes)}
    means = {k: rng.normal(size=x.shape) for k, x in params.items()}
    return params, [{k: np.asarray(m + rng.normal(size=m.shape) / 2) for k, m in means.items()} for _ in range(steps)]


def interpreted(spec: Spec, params: Tree, grads: list[Tree], hypers: dict[str, Any]) -> tuple[list[Tree], Any]:
    meaning = adaspec.interpret(spec, **hypers)
    state, path = meaning.init(params), []
    for g in grads:
        params, state = meaning.step(params, g, state)
        path.append(params)
    return path, state


def run(tx: Any, params: Tree, grads: list[Tree], dtype: str, wrap: Callable = lambda f: f) -> tuple[list[Tree], Any]:
    """The parameters after each step, and the last state."""
    params = {k: jnp.asarray(x, dtype) for k, x in params.items()}
    state, update, path = tx.init(params), wrap(tx.update), []
    for g in grads:
        updates, state = update({k: jnp.asarray(v, dtype) for k, v in g.items()}, state, params)
        params = optax.apply_updates(params, updates)
        path.append(params)
    return path, state


def assert_close(got: Any, wanted: Any, tolerance: float, what: str = "") -> None:
    """Relative to the largest element of the array, or to 1 where that is smaller."""
    got, wanted = np.asarray(got, np.float64), np.asarray(wanted)
    assert got.shape == wanted.shape, what
    gap = np.max(np.abs(got - wanted), initial=0.0)
    assert gap <= tolerance * max(1.0, np.max(np.abs(wanted), initial=0.0)), f"{what}: {gap}"


def assert_equal_to_meaning(spec: Spec, hypers: dict[str, Any], steps: int, wrap: Callable) -> None:
    params, grads = problem(spec.name, steps)
    wanted, meaning = interpreted(spec, params, grads, hypers)
    with jax.enable_x64(True):
        got, state = run(factory(spec, hypers), params, grads, "float64", wrap)
        assert int(state.count) == steps
        for k, x in wanted[-1].items():
            assert_close(got[-1][k], x, 1e-12, f"{k} of shape {x.shape}")
        fields = [f for f in state._fields if f != "count"]
        names = [*(slot.name for slot in spec.core.slots), *spec.shared]  # one for each axis
        for field, name in zip(fields, names, strict=True):
            if name in spec.shared:
                assert_close(getattr(state, field), meaning.shared[name], 1e-12, name)
                continue
            for k, slots in meaning.slots.items():
                slot = getattr(state, field)[k]
                assert (slot is None) == (name not in slots)
                if slot is not None:
                    assert_close(slot, slots[name], 1e-12, f"slot {name} of {k}")


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jit"])
@pytest.mark.parametrize(("rule", "hypers"), CASES, ids=IDS)
def test_trajectory(rule: str, hypers: dict[str, Any], compiled: bool) -> None:
    """Thirty steps in float64 stay within 1e-12 of the interpreter: parameters, slots and shared scalars."""
    assert_equal_to_meaning(adaspec.load(rule), hypers, 30, jax.jit if compiled else lambda f: f)
    assert not jax.config.jax_enable_x64


@pytest.mark.parametrize("rule", RULES)
def test_low_precision(rule: str) -> None:
    """float32 follows the interpreter; half precision trains in float32 and rounds once at the end."""
    params, grads = problem(rule, 10)
    wanted, _ = interpreted(adaspec.load(rule), params, grads, {})
    for dtype, tolerance in (("float32", 1e-5), ("bfloat16", 0.1), ("float16", 0.1)):
        got, state = run(build(rule, "jax")(), params, grads, dtype, jax.jit)
        assert all(leaf.dtype in (jnp.float32, jnp.int32) for leaf in jax.tree.leaves(state))
        for k, x in wanted[-1].items():
            assert got[-1][k].dtype == dtype and got[-1][k].shape == x.shape
            assert_close(got[-1][k], x, tolerance, f"{k} in {dtype}")


ODD = {
    "names that generated code needs": """
def jax(params: Param, updates: Grad, count: Step, state: Slot = zeros, jnp: Slot = ones, max: Slot = zeros, *,
        hypers: Rate = 1e-2, tx: Decay = 0.9, range: Count = 2, rule: Flag = True, learning_rate: Rate = 0.1,
        lr: Rate = 0.2, b1: Decay = 0.3, beta1: Decay = 0.4, p: Count = 3):
    dtype = 1 - tx
    state = tx * state + dtype * updates
    optax = optax_of(state)
    for _ in range(range):
        optax = optax * (1 - tx**count)
    if rule:
        jnp = maximum(jnp, optax)
    max = b1 * max + (1 - b1) * updates
    update = hypers * learning_rate * lr * beta1 * optax / sqrt(jnp + p)
    params = params - update - hypers * max
    return params, state, jnp, max


def optax_of(optax: Array):
    return optax
""",
    "every beginning of a slot": """
def odd(x: Param, g: Grad, t: Step, a: Slot = first_grad, b: Slot = full(0.25), c: Slot = ones.scalar, d: Slot = copy,
        e: Slot = full(2.0).without(-1), *, lr: Rate = 1e-2, beta: Decay = 0.5, nesterov: Flag = False):
    a = beta * a + (1 - beta) * g
    b = beta * b + (1 - beta) * g**2
    c = beta * c + norm(g)
    u = a / sqrt(b)
    if x.ndim >= 2:
        e = beta * e + (1 - beta) * max(abs(g), axis=-1)
        u = u / e[..., None]
    if nesterov:
        u = u + g
    x = x - lr * (u / c + x - d)
    return x, a, b, c, d, e
""",
    "several updates, and reading the parameter between them": """
def odd(x: Param, g: Grad, t: Step, average: Slot = copy, *, lr: Rate = 1e-2, weight_decay: Rate = 0.1,
        decoupled: Flag = True, bound: Optional[Positive] = None):
    if decoupled:
        x = x - lr * weight_decay * x
    else:
        g = g + weight_decay * x
    if bound is not None:
        g = clip(g, -bound, bound)
    x = x - lr * g
    average = 0.9 * average + (1 - 0.9) * x
    return x, average
""",
    "phases that carry gradients, facts and arrays": """
def odd(x: Param, g: Grad, t: Step, m: Slot = zeros, r: Shared = 1.0, s: Shared = 0.0, *, lr: Rate = 1e-2,
        beta: Decay = 0.9, clipped: Flag = True):
    old = r
    flat = x.ndim < 2
    g = g / (1 + norm(g))
    u = g * g + 0.1
    m = beta * m + (1 - beta) * g
    if clipped:
        r = 0.5 * r + total(sum(g**2)) / old
    s = s + r * total(max(abs(x)))
    v = u / s if flat else u / r
    lr = lr * rms(v)
    x = x - lr * (g + m) / sqrt(v)
    return x, m, r, s
""",
    "scalars at their edges": """
def odd(x: Param, g: Grad, t: Step, *, lr: Rate = 1e-2, beta: Decay = 0.0, decay: Rate = 0.0, top: Positive = 3.0,
        shift: Real = -2.0):
    warm = minimum(1, t / 4) * where(decay > 0, 0.5, 1.5)
    faded = beta ** (t - 1) + (1 + beta) ** t / 2**t
    odds = where((decay / lr >= 0) & ~(lr > 1), lr / (decay + lr), 1.0) * sqrt(top) * rsqrt(top) + log1p(decay)
    power = maximum(top, decay) ** shift + floor(shift) + sign(shift) + abs(shift) + tanh(decay) + expm1(decay)
    x = (1 - decay * lr) * x - lr * warm * (faded + odds * clip(power, -10.0, 10.0)) * tanh(g)
    return x
""",
    "a new parameter that is not a difference": """
def odd(x: Param, g: Grad, *, lr: Rate = 1e-2):
    y = x * exp(-lr * g)
    x = y / (1 + lr)
    x = x - lr * total(sum(x * g)) * g
    return x
""",
    "no hyperparameters, and an update that is one number": """
def odd(x: Param, g: Grad, n: Slot = zeros.scalar):
    n = n + 1
    x = x - 0.01 * n
    return x, n
""",
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jit"])
def test_odd_rules(text: str, compiled: bool) -> None:
    """What no rule of the library does: every spelling of the language prints as what it means."""
    spec = adaspec.parse(f'"""Odd: a rule. Nobody, 2026. arXiv:0000.00000"""\n\nfrom adaspec.lang import *\n\n{text}')
    flags = {h.name: not h.default for h in spec.rule.hypers if h.kind == "Flag"}
    for hypers in ({}, flags | {h.name: 0.5 for h in spec.rule.hypers if h.optional}):
        assert_equal_to_meaning(spec, hypers, 6, jax.jit if compiled else lambda f: f)


@pytest.mark.parametrize("schedule", ["adax", "adam_ema", "adam_poly"])
def test_scalars_at_any_step(schedule: str) -> None:
    """A resumed counter of any size: no overflow, no NaN, and a step of the size that the interpreter makes."""
    tx, spec = build(schedule, "jax")(), adaspec.load(schedule)
    params = {"a": np.ones(3)}
    for t in (1, 2, 255, 2**20, 7_100_000, 2**30, 2**31 - 2):
        meaning = adaspec.interpret(schedule)
        start = meaning.init(params)
        before = type(start)(t - 1, {"a": t - 1}, start.slots, start.shared)
        wanted, _ = meaning.step(params, params, before)
        state = tx.init({"a": jnp.ones(3)})._replace(count=jnp.array(t - 1, jnp.int32))
        updates, state = jax.jit(tx.update)({"a": jnp.ones(3)}, state)
        if np.isfinite(wanted["a"]).all() and np.max(np.abs(wanted["a"])) < 1e30:
            assert_close(updates["a"], wanted["a"] - 1, 1e-4, f"{spec.name} at {t}")
