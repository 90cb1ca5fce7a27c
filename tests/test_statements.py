"""What must hold between the first rules: each statement of their table, as the interpreter has it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import adaspec
from problem import Model, distance, problem
from runs import interpreted, scheduled


def last(run: Iterator[Model]) -> Model:
    *_, model = run
    return model


def compared(left: str, right: str, scale: float = 1.0, **hypers: Any) -> float:
    """How far two rules come apart in 50 steps on the same gradients."""
    params, grads = problem("adam", steps=50, scale=scale)
    return max(
        distance(a, b)
        for a, b in zip(
            interpreted(left, params, grads, **hypers), interpreted(right, params, grads, **hypers), strict=True
        )
    )


def quadratic(x: np.ndarray) -> np.ndarray:
    """The gradient of a loss with curvatures 1 to 5."""
    return np.arange(1.0, 6.0) * (x - 1)


def descend(rule: str, x: np.ndarray, steps: int, gradient=quadratic, decay: float = 0.0, **hypers: Any) -> np.ndarray:
    """Run `rule` on a loss with, if asked, L2 in the loss itself."""
    opt = adaspec.interpret(rule, **hypers)
    params, state = [x], None
    state = opt.init(params)
    for _ in range(steps):
        params, state = opt.step(params, [gradient(params[0]) + decay * params[0]], state)
    return params[0]


def test_gradient_descent_is_the_euler_step_of_gradient_flow() -> None:
    """The Euler steps reach exp(-At)(x0 - 1) + 1 with an error of first order: a tenth of the step, a tenth of it."""
    x0 = np.linspace(-1, 2, 5)
    exact = 1 + np.exp(-np.arange(1.0, 6.0)) * (x0 - 1)
    errors = [np.abs(descend("sgd", x0, n, lr=1 / n) - exact).max() for n in (100, 1000)]
    assert errors[0] < 0.02
    assert errors[0] / errors[1] == pytest.approx(10, rel=0.1)
    assert np.array_equal(descend("sgd", x0, 1, lr=0.25), x0 - 0.25 * quadratic(x0))


def test_sign_descent_is_the_limit_of_rmsprop() -> None:
    params, grads = problem("adam", steps=50)
    signs = last(interpreted("sign_descent", params, grads, lr=1e-2))
    assert distance(last(interpreted("rmsprop", params, grads, lr=1e-2, decay=0.0, eps=1e-300)), signs) <= 1e-12
    assert distance(last(interpreted("rmsprop", params, grads, lr=1e-2, decay=0.5, eps=1e-300)), signs) > 1e-3


def test_l2_is_decoupled_decay_for_plain_descent() -> None:
    x0 = np.linspace(-1, 2, 5)
    l2 = descend("sgd", x0, 20, lr=0.01, decay=0.3)
    assert np.abs(l2 - descend("momentum_decoupled", x0, 20, lr=0.01, mu=0.0, weight_decay=0.3)).max() <= 1e-14
    assert np.abs(l2 - descend("momentum_l2", x0, 20, lr=0.01, mu=0.0, weight_decay=0.3)).max() <= 1e-14


def test_l2_is_not_decoupled_decay_with_momentum() -> None:
    """Both are momentum without decay; with it they differ from the second step on, where m first remembers it."""
    x0 = np.linspace(-1, 2, 5)
    hypers: dict[str, Any] = {"lr": 0.01, "weight_decay": 0.3}
    apart = [
        np.abs(descend("momentum_l2", x0, n, **hypers) - descend("momentum_decoupled", x0, n, **hypers)).max()
        for n in (1, 2, 20)
    ]
    assert apart[0] <= 1e-15 and apart[1] > 1e-3 and apart[2] > 1e-2
    plain = descend("momentum", x0, 20, lr=0.01)
    for rule in ("momentum_l2", "momentum_decoupled"):
        assert np.abs(descend(rule, x0, 20, lr=0.01, weight_decay=0.0) - plain).max() <= 1e-15


def test_scalar_rmsprop_keeps_the_direction_of_the_whole_gradient() -> None:
    params, grads = problem("adam", steps=20)
    before = params
    for g, after in zip(grads, interpreted("rmsprop_scalar", params, grads, lr=0.1), strict=True):
        step = np.concatenate([np.ravel(a - b) for a, b in zip(before, after, strict=True)])
        gradient = np.concatenate([np.ravel(x) for x in g])
        assert step @ gradient == pytest.approx(np.linalg.norm(step) * np.linalg.norm(gradient), rel=1e-12)
        before = after


def test_adam_is_its_moving_average_of_v_hat() -> None:
    assert compared("adam", "adam_ema") <= 1e-12
    assert compared("adam", "adam_ema", beta1=0.5, beta2=0.9) <= 1e-12


def test_adax_is_raw_adax() -> None:
    assert compared("adax", "adax_raw") <= 1e-12
    assert compared("adax", "adax_raw", beta2=0.3, lr=0.1) <= 1e-12


def test_the_dialects_of_adam_are_three_rules() -> None:
    """They agree where gradients are large beside eps, and only there."""
    for dialect in ("adam_eps_inside", "adam_eps_hat"):
        assert compared("adam", dialect, eps=1e-300) <= 1e-12
        assert compared("adam", dialect, scale=1e-7, lr=0.1) > 1e-2
    assert compared("adam_eps_inside", "adam_eps_hat", scale=1e-7, lr=0.1) > 1e-2


def test_the_dialects_of_adax_are_three_rules() -> None:
    for dialect in ("adax_eps_outside", "adaxw", "adax_l2"):
        hypers = {} if dialect == "adax_eps_outside" else {"weight_decay": 0.0}
        params, grads = problem("adam", steps=50, scale=1e-6)
        for eps, same in ((1e-300, True), (1e-6, False)):
            theirs = last(interpreted(dialect, params, grads, lr=0.1, eps=eps, **hypers))
            ours = last(interpreted("adax", params, grads, lr=0.1, eps=eps))
            assert (distance(theirs, ours) <= 1e-12) == same


def test_adamx_is_adam_while_the_norm_of_the_gradient_stays() -> None:
    """gamma is 1 up to eps beside the squared norm, so eps must be small enough to be nothing."""
    params, grads = problem("adam", steps=50)
    even = [[g / np.linalg.norm(g) for g in step] for step in grads]
    pairs = zip(
        interpreted("adamx", params, even, eps=1e-14), interpreted("adam", params, even, eps=1e-14), strict=True
    )
    assert max(distance(a, b) for a, b in pairs) <= 1e-12
    assert distance(last(interpreted("adamx", params, grads)), last(interpreted("adam", params, grads))) > 1e-5


def test_adams_decay_schedules() -> None:
    """A good schedule is 0 at t = 1, where there is no past, and 1 in the limit; Adam's stops short."""
    assert scheduled("adam_ema", "beta2_hat", 1, beta2=0.999) == pytest.approx(0, abs=2**-52)
    assert 0 <= scheduled("adax", "beta2_hat", 1, beta2=1e-4) <= 2 * 2**-52
    assert scheduled("adam_poly", "beta2_hat", 1, c=0.8) == 0
    assert scheduled("adam_ema", "beta2_hat", 10**9, beta2=0.999) == pytest.approx(0.999, rel=1e-15)
    assert scheduled("adax", "beta2_hat", 2**31, beta2=1e-4) == 1
    assert scheduled("adam_poly", "beta2_hat", 2**31, c=0.8) == pytest.approx(1, abs=1e-7)
