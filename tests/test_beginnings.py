"""State that begins with a hyperparameter: read once, when it is made, as each target knows it then."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import adaspec

TEXT = '''"""Begun: state that begins with hyperparameters. Example, 2026."""

from adaspec.lang import *


def begun(x: Param, g: Grad, rate: Slot = full("lr"), s: Slot = full("beta2").scalar, base: Shared = "lr",
          d: Shared = "d0", *, lr: Rate = 0.25, beta1: Decay = 0.5, beta2: Decay = 0.75, d0: Positive = 0.125):
    rate = beta1 * rate
    s = s + norm(g)
    d = d + total(sum(g * g))
    x = x - lr * base * rate * g
    return x, rate, s, base, d
'''
SPEC = adaspec.parse(TEXT)
X, G = np.ones(3), np.zeros(3)


def test_the_interpreter_reads_it_at_init_and_never_again() -> None:
    opt = adaspec.interpret(SPEC, lr=0.5, d0=2.0)
    state = opt.init([X])
    assert state.shared == {"base": 0.5, "d": 2.0}
    np.testing.assert_array_equal(state.slots["0"]["rate"], np.full(3, 0.5))
    params, state = opt.step([X], [np.ones(3)], state, lr=1.0)
    assert state.shared["base"] == 0.5
    np.testing.assert_array_equal(params[0], X - 1.0 * 0.5 * 0.25)


def test_the_state_of_a_shape_has_the_number() -> None:
    assert SPEC.state((3,))["rate"].init.value == 0.25
    assert SPEC.state((3,), lr=0.5)["rate"].init.value == 0.5
    assert SPEC.slots["rate"].init.value == "lr" and SPEC.shared["d"].initial == "d0"


def test_the_text_says_it_and_a_replaced_rule_keeps_what_its_state_reads() -> None:
    assert adaspec.parse(SPEC.text) == SPEC
    assert 'rate: Slot = full("lr"),' in SPEC.text and 'd: Shared = "d0",' in SPEC.text
    other = SPEC.replace(d0=3.0, s="full('beta1').scalar")
    assert list(other.hypers) == ["lr", "beta1", "d0"]
    assert adaspec.interpret(other).init([X]).shared["d"] == 3.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        adaspec.parse(TEXT)


def test_numpy_reads_its_attribute_and_calls_a_function_of_no_steps() -> None:
    opt: Any = adaspec.build(SPEC, "numpy")(lr=0.5)
    opt.d0 = 7.0
    state = opt.init([X])
    assert state["shared"] == {"base": 0.5, "d": 7.0} and state["slots"]["0"]["rate"][0] == 0.5
    opt.lr = lambda past: 0.125 + past
    assert opt.init([X])["shared"]["base"] == 0.125
    opt.lr = -1.0
    with pytest.raises(ValueError, match="lr"):
        opt.init([X])


@pytest.mark.needs_torch
def test_torch_reads_the_group() -> None:
    import torch

    params = [torch.nn.Parameter(torch.ones(3, dtype=torch.float64)) for _ in range(3)]
    groups = [{"params": params[:1], "lr": 0.5, "betas": (0.5, 0.25)}, {"params": params[1:2]}]
    opt: Any = adaspec.build(SPEC, "torch")(groups, d0=7.0)
    opt.add_param_group({"params": params[2:], "lr": torch.tensor(2.0, dtype=torch.float64)})
    assert [group["base"].item() for group in opt.param_groups] == [0.5, 0.25, 2.0]
    assert opt.param_groups[0]["d"].item() == 7.0
    for p in params:
        p.grad = torch.zeros_like(p)
    opt.step()
    assert [opt.state[p]["rate"][0].item() for p in params] == [0.25, 0.125, 1.0]
    assert [opt.state[p]["s"].item() for p in params] == [0.25, 0.75, 0.75]
    with pytest.raises(ValueError, match="d0"):
        opt.param_groups[1]["d0"] = 1.0  # one d for all groups: they cannot begin it differently
        opt.step()


@pytest.mark.needs_jax
def test_optax_folds_numbers_and_calls_schedules_at_no_updates() -> None:
    import jax
    import optax

    factory: Any = adaspec.build(SPEC, "jax")
    with jax.enable_x64(True):
        params = [jax.numpy.ones(3)]
        for rate in (0.5, lambda count: 0.5 - count):
            state = factory(rate, d0=7.0).init(params)
            assert (float(state.base), float(state.d)) == (0.5, 7.0)
            np.testing.assert_array_equal(state.rate[0], np.full(3, 0.5))
        injected = optax.inject_hyperparams(factory)(learning_rate=0.5)
        state = jax.jit(injected.init)(params)
        assert float(state.inner_state.rate[0][0]) == 0.5


@pytest.mark.needs_tensorflow
def test_keras_reads_its_rate_when_it_is_built() -> None:
    import keras
    import tensorflow as tf

    cls: Any = adaspec.build(SPEC, "tensorflow")
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([1], [0.5, 0.125])
    for rate in (0.5, schedule):
        variable = keras.Variable(np.ones(3, np.float32))
        optimizer = cls(learning_rate=rate, d0=7.0)
        tf.function(lambda: optimizer.apply([tf.ones(3)], [variable]))()  # noqa: B023
        values = {v.path.rpartition("/")[2]: np.asarray(v) for v in optimizer.variables}
        assert values["base"] == 0.5 and values["d"] == 10.0
        rates = next(v for name, v in values.items() if name.endswith("_rate") and v.shape == (3,))
        np.testing.assert_array_equal(rates, np.full(3, 0.25, np.float32))
