"""Axes of the parameter: reductions that keep one, unfolding, and matrices along an axis, against NumPy by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import adaspec
from handmade import Array, holds, spec_of

SHAPES = ((5,), (4, 3), (2, 3, 4), (3, 2, 2, 4))


def others(a: Array, axis: int) -> tuple[int, ...]:
    return tuple(i for i in range(a.ndim) if i != axis % a.ndim)


@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize(
    ("word", "by_hand"),
    [
        ("sum", np.sum), ("mean", np.mean), ("max", np.max),
        ("norm", lambda a, axis: np.sqrt(np.sum(a * a, axis))), ("rms", lambda a, axis: np.sqrt(np.mean(a * a, axis))),
    ],
)  # fmt: skip
def test_a_reduction_keeps_an_axis(word: str, by_hand: Any, axis: int) -> None:
    def rule(x: Array, g: Array, t: int, s: dict[str, Any]) -> Array:
        found = by_hand(g, axis=others(g, axis))
        return x - 0.5 * found.reshape([-1 if i == axis % g.ndim else 1 for i in range(g.ndim)]) * g

    holds(spec_of(f"x = x - lr * spread({word}(g, keep={axis}), {axis}) * g", args=""), rule, SHAPES)


@pytest.mark.parametrize("axis", [0, -1])
def test_matrices_along_an_axis(axis: int) -> None:
    spec = spec_of(f"p = gram(g, {axis}) / g.size; x = x - lr * along(p, x + g, {axis}) / x.shape[0]", args="")

    def rule(x: Array, g: Array, t: int, s: dict[str, Any]) -> Array:
        p = np.tensordot(g, g, axes=(others(g, axis), others(g, axis))) / g.size
        return x - 0.5 * np.moveaxis(np.tensordot(p, x + g, axes=(1, axis)), 0, axis) / x.shape[0]

    holds(spec, rule, SHAPES)


def test_unfolding_and_back() -> None:
    spec = spec_of(
        "assert x.ndim >= 2, 'matrices'; u = unfold(g, 1); m = m + fold(2 * u, 1); w = u @ u.T\n"
        "x = x - lr * fold(w @ u * (w.shape[0] + u.shape[-1]), 1) - m",
    )

    def rule(x: Array, g: Array, t: int, s: dict[str, Any]) -> Array:
        u = np.moveaxis(g, 1, 0).reshape(g.shape[1], -1)
        s["m"] = s.get("m", 0) + 2 * g
        new = (u @ u.T @ u * sum(u.shape)).reshape(x.shape[1], x.shape[0], *x.shape[2:])
        return x - 0.5 * np.moveaxis(new, 0, 1) - s["m"]

    holds(spec, rule, SHAPES[1:])


def test_what_lacks_the_axis_is_refused_when_the_optimizer_meets_it() -> None:
    opt = adaspec.interpret(spec_of("x = x - lr * spread(max(g, keep=1), 1)", args=""))
    opt.init([np.ones((2, 3))])
    with pytest.raises(ValueError, match="at least 2 dimensions"):
        opt.init([np.ones(3)])


# One slot for each axis


def test_each_axis_has_its_slot_and_goes_on_from_the_one_before() -> None:
    spec = spec_of(
        "assert x.ndim > 0, 'axes'\nfor i in range(x.ndim):\n    a[i] = a[i] + max(abs(g), keep=i)\n"
        "    v = spread(a[i], i) if i == 0 else v * spread(a[i], i) + x.shape[i] * i\n"
        "    if i == x.ndim - 1:\n        v = v * 2\nx = x - lr * g / v",
        args="a: Slot = per_axis(ones.only)",
    )

    def rule(x: Array, g: Array, t: int, s: dict[str, Any]) -> Array:
        v: Any = None
        for i in range(x.ndim):
            s[f"a_{i}"] = s.get(f"a_{i}", 1) + np.abs(g).max(axis=others(g, i))
            own = s[f"a_{i}"].reshape([-1 if k == i else 1 for k in range(x.ndim)])
            v = own if i == 0 else v * own + x.shape[i] * i
        return x - 0.5 * g / (2 * v)

    holds(spec, rule, SHAPES)


def test_square_slots_and_the_identity() -> None:
    spec = spec_of(
        "u = g\nfor i in range(x.ndim):\n    p[i] = p[i] + gram(g, i) / g.size\n    q[i] = q[i] @ q[i] * 0.5 + p[i]\n"
        "    u = along(q[i], u, i)\nx = x - lr * u",
        args="p: Slot = per_axis(zeros.square), q: Slot = per_axis(eye)",
    )

    def rule(x: Array, g: Array, t: int, s: dict[str, Any]) -> Array:
        u = g
        for i in range(x.ndim):
            gram = np.tensordot(g, g, axes=(others(g, i), others(g, i)))
            s[f"p_{i}"] = s.get(f"p_{i}", 0) + gram / g.size
            q = s.get(f"q_{i}", np.eye(x.shape[i]))
            s[f"q_{i}"] = q @ q * 0.5 + s[f"p_{i}"]
            u = np.moveaxis(np.tensordot(s[f"q_{i}"], u, axes=(1, i)), 0, i)
        return x - 0.5 * u

    holds(spec, rule, ((), *SHAPES))


def test_more_axes_than_the_rule_is_written_out_for_are_refused() -> None:
    opt = adaspec.interpret(spec_of("for i in range(x.ndim):\n    x = x - lr * g / x.shape[i]", args=""))
    opt.init([np.ones((1,) * 5)])
    with pytest.raises(ValueError, match="at most 5 dimensions"):
        opt.init([np.ones((1,) * 6)])


@pytest.mark.parametrize("target", ["numpy", "torch", "jax", "tensorflow"])
def test_square_slots_on_every_target(target: str) -> None:
    spec = spec_of(
        "u = g\nfor i in range(x.ndim):\n    p[i] = 0.9 * p[i] + 0.1 * gram(g, i) / norm(g)**2\n"
        "    u = along(p[i], u, i) + g * spread(w, 0) if i == 0 else along(p[i], u, i)\n"
        "if x.ndim > 0:\n    w = 0.5 * w + mean(g, keep=0) / norm(g)\nx = x - lr * u / (norm(u) + x.size)",
        args="p: Slot = per_axis(eye), w: Slot = ones.only(0)",
    )
    report = adaspec.verify(spec, [target], steps=10, dtypes=("float64",))
    assert report.ok, str(report)


# Layouts

FANS = "x = x - lr * g * fan_in(x) - lr * x / fan_out(x)"


def test_fans_are_those_of_the_layout() -> None:
    """A layer of 3 inputs and 4 outputs, once as torch keeps it and once as JAX does, with a kernel of 5 places."""
    spec = spec_of(FANS, args="")
    for target, shape in (("torch", (4, 3, 5)), ("jax", (5, 3, 4)), ("numpy", (5, 3, 4)), ("tensorflow", (5, 3, 4))):
        x, g = np.ones(shape), np.full(shape, 2.0)
        opt = adaspec.interpret(spec.laid_out(target))
        new, _ = opt.step([x], [g], opt.init([x]))
        np.testing.assert_allclose(new[0], 1 - 0.5 * 2 * (3 * 5) - 0.5 / (4 * 5), rtol=1e-15)
    assert spec.laid_out("torch") == spec and spec.laid_out("jax") is spec


@pytest.mark.parametrize("target", ["numpy", "torch", "jax", "tensorflow"])
def test_fans_on_every_target(target: str) -> None:
    report = adaspec.verify(spec_of(FANS, args=""), [target], steps=3, dtypes=("float64",))
    assert report.ok, str(report)
