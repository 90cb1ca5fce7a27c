"""The NumPy classes: in place, without temporaries of a parameter's size, over trees, layouts and dtypes."""

from __future__ import annotations

import copy
import pickle
import re
import sys
import tracemalloc
from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec.constructs import constructs
from problem import of_gradients_alone

RULES = of_gradients_alone()
STREAMED = [n for n in RULES if {"_blocks(", "_tiles("} & set(re.findall(r"_\w+\(", adaspec.export(n, "numpy")))]
"""Rules that go by blocks: they allocate nothing of a parameter's size."""
WHOLE = {"reduction", "axes", "model", "matrix", "noise"}
"""Constructs by which an element depends on more than itself: on its array, its place or the model."""
BY_THEMSELVES = [n for n in STREAMED if not WHOLE & set(constructs(adaspec.load(n)))]
SHAPES = ((4, 3), (5, 6))


def arrays(shapes: Any, seed: int = 0, dtype: Any = np.float64) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.normal(size=s)).astype(dtype) for s in shapes]


def same(a: Any, b: Any) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("name", RULES)
def test_the_arrays_passed_in_are_the_ones_updated(name: str) -> None:
    opt = adaspec.build(name, "numpy")()
    params, grads = arrays(SHAPES), arrays(SHAPES, 1)
    before, given = copy.deepcopy(params), copy.deepcopy(grads)
    state = opt.init(params)
    ids = [id(p) for p in params]
    steps = 10  # some rules gather gradients first
    for _ in range(steps):
        out, after = opt.step(params, grads, state)
        assert out is params and after is state and [id(p) for p in out] == ids
    assert not same(params, before) and same(grads, given)
    assert state["step"] == steps and all(s["step"] == steps for s in state["slots"].values())


@pytest.mark.parametrize("name", STREAMED)
def test_no_temporary_has_the_size_of_a_parameter(name: str) -> None:
    """What is allocated is of the size of a block, and noise takes some blocks of wide integers."""
    opt = adaspec.build(name, "numpy")()
    size = 1 << 22
    params, grads = arrays([(size,)], 0, np.float32), arrays([(size,)], 1, np.float32)
    state = opt.init(params)
    opt.step(params, grads, state)
    tracemalloc.start()
    opt.step(params, grads, state)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.3 * params[0].nbytes


def test_what_has_no_products_and_no_axes_streams() -> None:
    """What a statement of shapes decides, or a norm beside a norm, goes by whole arrays; everything else by blocks."""
    for name in RULES:
        words = set(constructs(adaspec.load(name)))
        assert name in STREAMED or words & {"matrix", "axes", "shape", "reduction"}, name


def test_factored_rules_stream_too() -> None:
    """Rows and columns of a matrix: what is kept is far smaller than the parameter, and so is what is allocated."""
    opt = adaspec.build("adafactor", "numpy")()
    shape = (1 << 10, 1 << 11)
    params, grads = arrays([shape], 0, np.float32), arrays([shape], 1, np.float32)
    state = opt.init(params)
    opt.step(params, grads, state)
    tracemalloc.start()
    opt.step(params, grads, state)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.2 * params[0].nbytes


LAYOUTS = {
    "transposed": lambda a: np.asfortranarray(a),
    "strided": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "reversed": lambda a: np.ascontiguousarray(a[::-1])[::-1],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", RULES)
def test_layout_does_not_matter(name: str, layout: str) -> None:
    cls = adaspec.build(name, "numpy")
    plain, odd = arrays(SHAPES), [LAYOUTS[layout](a) for a in arrays(SHAPES)]
    assert layout == "transposed" or not odd[0].flags.c_contiguous
    states = [cls().init(plain), cls().init(odd)]
    for seed in range(3):
        grads = arrays(SHAPES, seed)
        cls().step(plain, grads, states[0])
        cls().step(odd, grads if seed else [LAYOUTS[layout](g) for g in grads], states[1])
    for a, b in zip(plain, odd, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize("name", BY_THEMSELVES)
def test_blocks_join_without_a_seam(name: str) -> None:
    """An array of several blocks, and the same array in pieces that are parameters of their own."""
    cls = adaspec.build(name, "numpy")
    block = sys.modules[cls.__module__].BLOCK
    whole, grad = arrays([(2 * block + 7,)], 0, np.float32), arrays([(2 * block + 7,)], 1, np.float32)
    pieces = [whole[0][:5].copy(), whole[0][5:].copy()]
    for params, grads in ((whole, grad), (pieces, [grad[0][:5], grad[0][5:]])):
        state = cls().init(params)
        for _ in range(2):
            cls().step(params, grads, state)
    assert np.array_equal(whole[0], np.concatenate(pieces))


@pytest.mark.parametrize("name", RULES)
def test_half_precision_parameters_train(name: str) -> None:
    """Slots are float32, and float16 sees one rounding: the result is the float32 one, rounded."""
    cls = adaspec.build(name, "numpy")
    half = arrays(SHAPES, 0, np.float16)
    full = [p.astype(np.float32) for p in half]
    states = [cls().init(half), cls().init(full)]
    slots = [v for v in states[0]["slots"]["0"].values() if isinstance(v, np.ndarray)]
    assert all(s.dtype == np.float32 for s in slots)
    grads = [np.float32(1e3) * g for g in arrays(SHAPES, 1, np.float32)]
    cls().step(half, grads, states[0])
    cls().step(full, grads, states[1])
    assert all(h.dtype == np.float16 for h in half)
    for h, f in zip(half, full, strict=True):
        np.testing.assert_array_equal(h, f.astype(np.float16))


@pytest.mark.parametrize("name", RULES)
def test_missing_gradients_and_empty_arrays(name: str) -> None:
    cls = adaspec.build(name, "numpy")
    params = {"a": {"w": arrays([(4, 3)])[0]}, "b": [arrays([(2, 2)])[0], np.zeros((0, 3))]}
    state = cls().init(params)
    before = copy.deepcopy((params["a"], state["slots"]["a/w"]))
    grads = {"a": {"w": None}, "b": [np.ones((2, 2)), np.zeros((0, 3))]}
    cls().step(params, grads, state)
    assert np.array_equal(params["a"]["w"], before[0]["w"])
    assert state["slots"]["a/w"]["step"] == 0 and state["slots"]["b/0"]["step"] == 1
    for key, value in state["slots"]["a/w"].items():
        assert np.array_equal(value, before[1][key])  # type: ignore[arg-type]


SET_ANEW = {
    "adabound": "its bounds are relative to the first rate",
    "ftrl": "the parameter is a function of the sums of gradients",
    "madgrad": "the parameter is a mean of where it was and where the sums say, rounded",
    "rprop": "the rate is only its first step size",
    "srmm": "the parameter is a mean of the last ones",
}
"""Rules in which a rate of 0 does not mean that nothing moves, each with the reason."""


@pytest.mark.parametrize("name", sorted(set(RULES) - SET_ANEW.keys()))
def test_a_rate_of_zero_leaves_the_parameters_bitwise(name: str) -> None:
    assert "lr" in adaspec.load(name).hypers
    opt = adaspec.build(name, "numpy")(lr=0)
    params = arrays(SHAPES)
    before = copy.deepcopy(params)
    state = opt.init(params)
    for seed in range(2):
        opt.step(params, arrays(SHAPES, seed), state)
    assert same(params, before)


@pytest.mark.parametrize("name", BY_THEMSELVES)
def test_a_bad_element_spoils_no_neighbour(name: str) -> None:
    cls = adaspec.build(name, "numpy")
    clean, dirty = arrays([(9,)]), arrays([(9,)])
    for params, bad in ((clean, False), (dirty, True)):
        state = cls().init(params)
        grads = arrays([(9,)], 1)
        if bad:
            grads[0][4] = np.nan
        cls().step(params, grads, state)
    rest = np.arange(9) != 4
    assert np.array_equal(clean[0][rest], dirty[0][rest])


def test_one_array_is_a_tree() -> None:
    opt, x = adaspec.build("adam", "numpy")(), np.ones(3)
    state = opt.init(x)
    out, _ = opt.step(x, np.ones(3), state)
    assert out is x and x[0] < 1


def test_hyperparameters_are_attributes_and_may_be_functions_of_past_updates() -> None:
    seen: list[int] = []

    def rate(count: int) -> float:
        seen.append(count)
        return 0.1 / (count + 1)

    cls = adaspec.build("sgd", "numpy")
    scheduled, plain = cls(lr=rate), cls(lr=0.1)
    a, b = np.ones(2), np.ones(2)
    states = [scheduled.init(a), plain.init(b)]
    for count in range(3):
        plain.lr = 0.1 / (count + 1)
        scheduled.step(a, np.ones(2), states[0])
        plain.step(b, np.ones(2), states[1])
    assert seen == [0, 1, 2] and np.array_equal(a, b)


def test_parameters_count_their_own_steps() -> None:
    """A parameter whose first gradient comes late is bias-corrected from its own beginning."""
    cls = adaspec.build("adam", "numpy")
    params = [np.ones(2), np.ones(2)]
    state = cls().init(params)
    for _ in range(5):
        cls().step(params, [np.ones(2), None], state)
    cls().step(params, [np.ones(2), np.ones(2)], state)
    alone = np.ones(2)
    cls().step(alone, np.ones(2), cls().init(alone))
    assert np.array_equal(params[1], alone)


def test_a_saved_state_goes_on_bitwise() -> None:
    for name in RULES:
        opt = adaspec.build(name, "numpy")()
        params = arrays(SHAPES)
        state = opt.init(params)
        opt.step(params, arrays(SHAPES, 1), state)
        params2, state2, opt2 = pickle.loads(pickle.dumps((params, state, opt)))
        opt.step(params, arrays(SHAPES, 2), state)
        opt2.step(params2, arrays(SHAPES, 2), state2)
        assert same(params, params2), name


@pytest.mark.parametrize(
    ("hypers", "error", "words"),
    [
        ({"lr": -1}, ValueError, r"Invalid lr: -1, must be in \[0, inf\)"),
        ({"lr": float("nan")}, ValueError, "Invalid lr: nan"),
        ({"lr": float("inf")}, ValueError, "Invalid lr: inf"),
        ({"beta1": 1.0}, ValueError, r"Invalid beta1: 1.0, must be in \[0, 1\)"),
        ({"eps": 0}, ValueError, r"must be in \(0, inf\)"),
        ({"lr": "fast"}, TypeError, "not a number"),
        ({"rate": 1}, TypeError, "rate"),
    ],
)
def test_bad_hyperparameters(hypers: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        adaspec.build("adam", "numpy")(**hypers)


def test_numbers_of_every_kind_are_accepted() -> None:
    cls = adaspec.build("adam", "numpy")
    assert cls(lr=1, eps=np.float32(1e-3), beta1=np.array(0.5)).beta1 == 0.5


def test_bad_arrays() -> None:
    opt = adaspec.build("adam", "numpy")()
    for bad, error, words in (
        ([1.0], TypeError, "parameter '0' is float"),
        ([np.ones(2, int)], TypeError, "int64"),
        ([np.float64(1)], TypeError, "parameter '0' is float64: parameters are plain NumPy arrays"),
        ([np.ma.ones(2)], TypeError, "parameter '0' is MaskedArray: parameters are plain NumPy arrays"),
    ):
        with pytest.raises(error, match=words):
            opt.init(bad)
    params = {"a": np.ones(2), "b": np.ones(2)}
    state = opt.init(params)
    with pytest.raises(ValueError, match="'b'"):
        opt.step(params, {"a": np.ones(2)}, state)
    with pytest.raises(ValueError, match=r"gradient of 'b' has shape \(3,\)"):
        opt.step(params, {"a": np.ones(2), "b": np.ones(3)}, state)
    assert state["step"] == 0 and state["slots"]["a"]["step"] == 0 and np.array_equal(params["a"], np.ones(2))


def test_a_refused_shape_says_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"give other parameters to adam \(parameter 'b' has shape \(3,\)\)"):
        adaspec.build("muon", "numpy")().init({"a": np.ones((2, 2)), "b": np.ones(3)})


def test_views() -> None:
    opt = adaspec.build("schedule_free", "numpy")()
    params = {"w": np.ones(3), "none": np.zeros((0,))}
    state = opt.init(params)
    opt.step(params, {"w": np.ones(3), "none": np.zeros((0,))}, state)
    before = params["w"].copy()
    seen = opt.view("eval", params, state)
    assert np.array_equal(params["w"], before) and seen["w"] is not params["w"] and seen["none"].size == 0
    np.testing.assert_allclose(0.9 * seen["w"] + 0.1 * state["slots"]["w"]["z"], params["w"], rtol=1e-15)
    with pytest.raises(KeyError, match="eval"):
        opt.view("train", params, state)


def test_locals_that_cross_a_total_are_kept() -> None:
    """The smoothed gradient is needed on both sides of the sum over the model."""
    spec = adaspec.parse(
        '"""Rule: smoothed. Nobody, 2026."""\n'
        "def rule(x: Param, g: Grad, m: Slot = zeros, *, lr: Rate = 0.1):\n"
        "    u = g / (1 + abs(g))\n"
        "    m = 0.5 * m + u\n"
        "    u = u / sqrt(total(sum(m**2)))\n"
        "    x = x - lr * u\n"
        "    return x, m\n"
    )
    opt, oracle = adaspec.build(spec, "numpy")(), adaspec.interpret(spec)
    mine, theirs = arrays(SHAPES), arrays(SHAPES)
    state, seen = opt.init(mine), oracle.init(theirs)
    for seed in range(3):
        opt.step(mine, arrays(SHAPES, seed), state)
        theirs, seen = oracle.step(theirs, arrays(SHAPES, seed), seen)
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)
    assert set(state["slots"]["0"]) == {"step", "m"}


def test_a_rule_that_binds_nothing_only_counts() -> None:
    text = '"""Idle: nothing happens. Nobody, 2026."""\ndef idle(x: Param, g: Grad):\n    return x\n'
    opt = adaspec.build(adaspec.parse(text), "numpy")()
    x = np.ones(3)
    _, state = opt.step(x, np.ones(3), opt.init(x))
    assert np.array_equal(x, np.ones(3)) and state["step"] == 1
