"""What holds for every rule of the library: a rate of 0 and gradients of 0 change no bit."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec.library import rules

RULES = rules()
TARGETS = [
    pytest.param(t, marks=[getattr(pytest.mark, f"needs_{t}")] if t != "numpy" else [])
    for t in ("numpy", "torch", "jax", "tensorflow")
]
MOVED = {
    "ftrl": "the parameter is a function of the sums alone, divided by the rate",
    "srmm": "the parameter is the mean of its past, which begins at 0",
}
"""Rules that leave the parameter's old value behind whatever the rate is, as their originals do."""
STILL = [n for n in RULES if n not in MOVED]
SHAPES = ((2, 3), (2,), ())
STEPS = 3


def model(spec: Any) -> list[np.ndarray]:
    """One small parameter of each shape that the rule takes."""
    rng = np.random.default_rng(5)
    found = []
    for shape in SHAPES:
        try:
            spec.check_shape(shape)
        except ValueError:
            continue
        found.append(np.asarray(rng.normal(size=shape)))
    return found


def resting(spec: Any) -> dict[str, Any]:
    """Hyperparameters of a rule that shall rest: no rate, and no decay that the rate does not multiply."""
    return {n: 0.0 for n in ("lr", "weight_decay") if n in spec.hypers}


@pytest.mark.parametrize("name", STILL)
def test_no_rate_and_no_gradient_change_no_bit(name: str) -> None:
    spec = adaspec.load(name)
    if spec.rule.inputs:
        pytest.skip("what it is given decides")
    params = model(spec)
    opt = adaspec.interpret(spec, **resting(spec))
    xs, state = params, opt.init(params)
    for _ in range(STEPS):
        xs, state = opt.step(xs, [np.zeros_like(p) for p in params], state)
    assert params and all(np.array_equal(a, b) for a, b in zip(xs, params, strict=True))


@pytest.mark.parametrize("name", MOVED)
def test_exceptions_are_those_alone(name: str) -> None:
    spec = adaspec.load(name)
    params = model(spec)
    opt = adaspec.interpret(spec, **resting(spec))
    xs, _ = opt.step(params, [np.zeros_like(p) for p in params], opt.init(params))
    assert not all(np.array_equal(a, b) for a, b in zip(xs, params, strict=True))


@pytest.mark.sampled
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", STILL)
def test_no_rate_and_no_gradient_change_no_bit_on_a_target(name: str, target: str) -> None:
    spec = adaspec.load(name)
    if spec.rule.inputs:
        pytest.skip("what it is given decides")
    rested = spec.replace(**resting(spec)) if resting(spec) else spec
    params = [p.astype(np.float32) for p in model(spec)]
    session = importlib.import_module(f"adaspec.backends.{target}.session").Session
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = session(adaspec.build(rested, target), [p.copy() for p in params], "float32", "eager")
        try:
            for _ in range(STEPS):
                xs = run.step([np.zeros_like(p) for p in params])
        finally:
            run.close()
    assert all(np.array_equal(a, b) for a, b in zip(xs, params, strict=True))
