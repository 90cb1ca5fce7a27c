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
