"""The interpreter: one meaning over every array namespace, pure, and particular about what it is given."""

from __future__ import annotations

import importlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

import numpy as np
import pytest

import adaspec
from adaspec.constructs import constructs
from adaspec.interpret import State
from problem import MATRICES_ONLY, of_gradients_alone, problem

Array = Any
NAMES = of_gradients_alone()
ALONE = [n for n in NAMES if not {"noise", "branch"} & set(constructs(adaspec.load(n))) and n not in MATRICES_ONLY]
"""Rules in which a parameter goes its way whatever its place among the others."""


@contextmanager
def x64() -> Iterator[None]:
    import jax

    before = jax.config.read("jax_enable_x64")
    jax.config.update("jax_enable_x64", True)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", before)


def read_only(a: np.ndarray) -> np.ndarray:
    a = a.copy()
    a.flags.writeable = False
    return a


def made(module: str) -> Callable[[np.ndarray], Array]:
    return lambda a: importlib.import_module(module).asarray(a)


NAMESPACES = {
    "numpy": lambda a: a.copy(),
    "read-only numpy": read_only,
    "array_api_strict": made("array_api_strict"),
    "torch": made("torch"),
    "jax": made("jax.numpy"),
}
MARKED = [pytest.param(n, marks=getattr(pytest.mark, f"needs_{n}")) if n in ("torch", "jax") else n for n in NAMESPACES]


def scope(namespace: str) -> Any:
    return x64() if namespace == "jax" else nullcontext()


def run(
    name: str, namespace: str, params: list[np.ndarray], grads: list[list[np.ndarray]]
) -> tuple[list[np.ndarray], State]:
    of = NAMESPACES[namespace]
    opt = adaspec.interpret(name)
    xs: Any = [of(p) for p in params]
    state = opt.init(xs)
    for step in grads:
        xs, state = opt.step(xs, [of(g) for g in step], state)
    for label in adaspec.load(name).views:
        xs = [*xs, *opt.view(label, xs, state)]
    return [np.asarray(x) for x in xs], state


@pytest.mark.sampled
@pytest.mark.parametrize("namespace", MARKED[1:])
@pytest.mark.parametrize("name", NAMES)
def test_every_namespace_agrees(name: str, namespace: str) -> None:
    params, grads = problem(name, steps=3)
    shown = slice(0, 4) if namespace != "jax" else slice(2, 3)  # eager JAX compiles every operation for every shape
    params, grads = params[shown], [step[shown] for step in grads]
    wanted, reference = run(name, "numpy", params, grads)
    with scope(namespace):
        found, state = run(name, namespace, params, grads)
        slots = {p: {n: np.asarray(a) for n, a in s.items()} for p, s in state.slots.items()}
    for a, b in zip(found, wanted, strict=True):
        assert a.dtype == np.float64
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
    for path, own in reference.slots.items():
        assert own.keys() == slots[path].keys()
        for slot, value in own.items():
            assert slots[path][slot].shape == value.shape and slots[path][slot].dtype == np.float64
            np.testing.assert_allclose(slots[path][slot], value, rtol=1e-12, atol=1e-13)
    assert state.shared == pytest.approx(dict(reference.shared), rel=1e-12) and state.steps == reference.steps


@pytest.mark.parametrize("name", NAMES)
def test_it_is_pure(name: str) -> None:
    """Nothing that is passed in changes, and the same call gives the same answer."""
    params, grads = problem(name, steps=2)
    opt = adaspec.interpret(name)
    first = opt.init(params)
    _, state = opt.step(params, grads[0], first)
    held = [*params, *grads[1], *(a for s in state.slots.values() for a in s.values())]
    before = [a.copy() for a in held]
    shared, steps = dict(state.shared), dict(state.steps)
    answers = [opt.step(params, grads[1], state) for _ in range(2)]
    for view in adaspec.load(name).views:
        opt.view(view, params, state)
    assert all(np.array_equal(a, b) for a, b in zip(held, before, strict=True))
    assert shared == state.shared and steps == state.steps and state.step == 1
    for a, b in zip(answers[0][0], answers[1][0], strict=True):
        assert np.array_equal(a, b)
    assert opt.hypers == adaspec.load(name).defaults


# Trees, gradients that are missing, arrays without elements


class Layer(NamedTuple):
    weight: Array
    bias: Array


@pytest.mark.parametrize("name", ["adam", "prodigy", "adafactor", "schedule_free"])
def test_trees_keep_their_kind(name: str) -> None:
    w, b, s = np.ones((3, 2)), np.zeros(2), np.array(0.5)
    tree = {"encoder": [Layer(w, b), (s,)], "head": OrderedDict(scale=s)}
    grads = {"encoder": [Layer(w / 2, b + 1), (s,)], "head": OrderedDict(scale=-s)}
    opt = adaspec.interpret(name)
    new, state = opt.step(tree, grads, opt.init(tree))
    assert list(state.slots) == ["encoder/0/0", "encoder/0/1", "encoder/1/0", "head/scale"]
    layer = new["encoder"][0]
    assert isinstance(layer, Layer) and isinstance(new["encoder"][1], tuple) and isinstance(new["head"], OrderedDict)
    flat = [w, b, s, s]
    expected, _ = opt.step(flat, [w / 2, b + 1, s, -s], opt.init(flat))
    for a, c in zip([layer.weight, layer.bias, new["encoder"][1][0], new["head"]["scale"]], expected, strict=True):
        np.testing.assert_allclose(a, c, rtol=1e-15)
    alone, state = opt.step(w, w / 2, opt.init(w))
    assert alone.shape == (3, 2) and list(state.slots) == [""]
    nothing, state = opt.step([], [], opt.init([]))
    assert nothing == [] and state.slots == {}


@pytest.mark.parametrize("name", ALONE)
def test_no_gradient_no_change(name: str) -> None:
    params, grads = problem(name, steps=3)
    opt = adaspec.interpret(name)
    state = opt.init(params)
    xs, state = opt.step(params, grads[0], state)
    ys, after = opt.step(xs, [None, grads[1][1], *[None] * (len(xs) - 2)], state)
    assert after.steps == {"0": 1, "1": 2, **{str(k): 1 for k in range(2, len(xs))}}
    for k, (x, y) in enumerate(zip(xs, ys, strict=True)):
        assert (x is y) == (k != 1)
        if k != 1:
            assert after.slots[str(k)] is state.slots[str(k)]
    zs, last = opt.step(ys, [None] * len(ys), after)
    assert all(a is b for a, b in zip(ys, zs, strict=True))
    assert (last.steps, last.slots, last.shared) == (after.steps, after.slots, after.shared)


@pytest.mark.parametrize("name", ["adam", "adam_ema", "adax", "lamb"])
def test_every_parameter_counts_its_own_steps(name: str) -> None:
    """One whose gradient comes later takes the very steps that it would have taken alone."""
    params, grads = problem(name, steps=3)
    opt = adaspec.interpret(name)
    state, xs = opt.init(params), params
    alone_state, alone = opt.init(params[1:2]), params[1:2]
    for k, step in enumerate(grads):
        xs, state = opt.step(xs, [step[0], step[1] if k else None, *step[2:]], state)
        if k:
            alone, alone_state = opt.step(alone, step[1:2], alone_state)
    np.testing.assert_array_equal(xs[1], alone[0])


@pytest.mark.parametrize("name", ALONE)
def test_arrays_without_elements_pass_through(name: str) -> None:
    shapes = [(0,), (0, 3), (3, 0), (2,)]
    params, grads = [np.ones(s) for s in shapes], [np.full(s, 0.5) for s in shapes]
    opt = adaspec.interpret(name)
    xs, state = opt.step(params, grads, opt.init(params))
    assert [x.shape for x in xs] == shapes and all(np.isfinite(x).all() for x in xs)
    assert state.steps == {"0": 1, "1": 1, "2": 1, "3": 1}
    alone, lone = opt.step(params[3:], grads[3:], opt.init(params[3:]))
    np.testing.assert_array_equal(xs[3], alone[0])
    assert lone.shared == state.shared, "they add nothing to a total"


# Precision


def narrow() -> Iterator[Any]:
    yield pytest.param(lambda a: np.asarray(a, np.float16), id="numpy float16")
    yield pytest.param(
        lambda a: _torch().asarray(a).to(_torch().bfloat16), id="torch bfloat16", marks=pytest.mark.needs_torch
    )
    yield pytest.param(
        lambda a: _torch().asarray(a).to(_torch().float16), id="torch float16", marks=pytest.mark.needs_torch
    )
    yield pytest.param(lambda a: _jnp().asarray(a, _jnp().bfloat16), id="jax bfloat16", marks=pytest.mark.needs_jax)


def _torch() -> Any:
    return importlib.import_module("torch")


def _jnp() -> Any:
    return importlib.import_module("jax.numpy")


def wide(a: Any) -> np.ndarray:
    return np.asarray(a.to(_torch().float32) if hasattr(a, "to") and hasattr(a, "numpy") else a).astype(np.float32)


@pytest.mark.parametrize("of", list(narrow()))
@pytest.mark.parametrize("name", ["adam", "adax", "lamb", "adafactor", "prodigy"])
def test_half_precision_trains_in_float32(name: str, of: Callable[[np.ndarray], Array]) -> None:
    """Slots are float32; each step is the float32 step of the widened parameter, rounded once."""
    rng = np.random.default_rng(0)
    # Prodigy's first steps are as small as its first guess of the distance.
    opt = adaspec.interpret(name, lr=0.1, **({"d0": 0.1} if name == "prodigy" else {}))
    x = of(rng.normal(size=(4, 3)).astype(np.float32))
    state: Any = opt.init(x)
    mirror: Any = opt.init(wide(x))
    for _ in range(3):
        g = of(rng.normal(size=(4, 3)).astype(np.float32))
        expected, mirror = opt.step(wide(x), wide(g), mirror)
        new, state = opt.step(x, g, state)
        assert new.dtype == x.dtype and (wide(new) != wide(x)).any()
        np.testing.assert_allclose(wide(new), wide(of(expected)), rtol=2**-7)
        for slot, value in state.slots[""].items():
            assert str(value.dtype).endswith("float32")
            np.testing.assert_allclose(np.asarray(value), mirror.slots[""][slot], rtol=1e-4, atol=1e-6)
        x = new
        mirror = State(
            mirror.step, mirror.steps, {"": {n: np.asarray(v) for n, v in state.slots[""].items()}}, state.shared
        )


@pytest.mark.parametrize("name", NAMES)
def test_float32_stays_float32(name: str) -> None:
    """And a gradient of another dtype changes nothing about it."""
    params, grads = problem(name, steps=1)
    xs = [p.astype(np.float32) for p in params]
    opt = adaspec.interpret(name)
    new, state = opt.step(xs, grads[0], opt.init(xs))
    assert {x.dtype for x in new} == {np.dtype(np.float32)}
    assert {a.dtype for s in state.slots.values() for a in s.values()} <= {np.dtype(np.float32)}
    double, _ = opt.step(params, grads[0], opt.init(params))
    for a, b in zip(new, double, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_numbers_beside_conditions_keep_their_type() -> None:
    """`where(g > 0, 1.0, -2.0)` is an array of numbers, though every array in it holds truth values."""
    spec = adaspec.parse(
        '"""Mine: x. A, 2026."""\n\n\ndef mine(x: Param, g: Grad):\n'
        "    x = where((g > 0) & True, 1.0, -2.5)\n    return x\n"
    )
    for namespace, of in NAMESPACES.items():
        if namespace in ("numpy", "array_api_strict"):
            x = of(np.array([0.5, -0.5], np.float32))
            (new,), _ = adaspec.interpret(spec).step([x], [x], adaspec.interpret(spec).init([x]))
            assert np.asarray(new).tolist() == [1.0, -2.5] and np.asarray(new).dtype == np.float32


def test_one_bad_element_spoils_no_other() -> None:
    for name in ("adam", "adax", "rmsprop", "momentum"):
        opt = adaspec.interpret(name)
        x, g = np.ones(5), np.arange(5.0)
        bad = g.copy()
        bad[2] = np.nan
        good, _ = opt.step(x, g, opt.init(x))
        spoilt, _ = opt.step(x, bad, opt.init(x))
        assert np.isnan(spoilt[2]) and np.array_equal(np.delete(good, 2), np.delete(spoilt, 2))
