"""What statements and expressions mean: the interpreter against the same rule written by hand in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adaspec
from handmade import Array, holds, spec_of

# Static facts


def test_if_on_rank_shape_and_flags() -> None:
    spec = spec_of(
        "tall = x.ndim == 2 and x.shape[0] > x.shape[-1]\nif on and (tall or x.ndim == 0):\n"
        "    m = m + g\n    u = 2 * m\n"
        "elif not on:\n    u = -g\nelse:\n    u = g\nx = x - lr * u",
        hypers="lr: Rate = 0.5, on: Flag = True",
    )

    def by_hand(on: bool) -> Callable[..., Any]:
        def rule(x: Array, g: Array, t: int, s: dict[str, Any]) -> Array:
            if on and (x.ndim == 0 or (x.ndim == 2 and x.shape[0] > x.shape[1])):
                s["m"] = s.get("m", 0) + g
                return x - 0.5 * 2 * s["m"]
            return x - 0.5 * (g if on else -g)

        return rule

    shapes = ((), (3,), (4, 3), (3, 4), (2, 3, 4))
    holds(spec, by_hand(True), shapes)
    holds(spec, by_hand(False), shapes, on=False)


def test_choices_and_helpers_that_need_statements() -> None:
    before = """
def normed(a: Array, eps: Positive):
    size = norm(a)
    a = a / (size + eps)
    return a * 2


def steep(a: Array, k: Count):
    for _ in range(k):
        a = a * a - 0.1
    return a


"""
    spec = spec_of(
        "u = normed(g + m, 1e-3) if on else steep(g, k=k) + normed(m, eps=1.0)\nm = u\n"
        "x = x - lr * (u if x.ndim < 2 else normed(u, 1.0) * (1 if on else 3))",
        hypers="lr: Rate = 0.5, on: Flag = True, k: Count = 2",
        before=before,
    )

    def normed(a: Array, eps: float) -> Array:
        return a / (np.sqrt(np.sum(a * a)) + eps) * 2

    def by_hand(on: bool, k: int) -> Callable[..., Any]:
        def rule(x: Array, g: Array, t: int, s: dict[str, Any]) -> Array:
            m = s.get("m", np.zeros_like(x))
            if on:
                u = normed(g + m, 1e-3)
            else:
                a = g
                for _ in range(k):
                    a = a * a - 0.1
                u = a + normed(m, 1.0)
            s["m"] = u
            return x - 0.5 * (u if x.ndim < 2 else normed(u, 1.0) * (1 if on else 3))

        return rule

    holds(spec, by_hand(True, 2))
    holds(spec, by_hand(False, 2), on=False)
    holds(spec, by_hand(False, 0), on=False, k=0)


def test_helpers_keep_their_names_to_themselves() -> None:
    """A helper's locals and arguments are its own, at every call, whatever the rule calls so."""
    before = """
def twice(a: Array, m: Array):
    u = a + m
    a = u * 2
    lr = 3
    return a * lr


def outer(u: Array):
    a = twice(u, u)
    u = twice(a, 1)
    return u + a


"""
    spec = spec_of(
        "u = g; a = twice(u, m); m = outer(a) + twice(m, u) - twice(u, u); x = x - lr * (u + a + m) * 1e-3",
        before=before,
    )

    def twice(a: Any, m: Any) -> Any:
        return (a + m) * 6

    def outer(u: Any) -> Any:
        a = twice(u, u)
        return twice(a, 1) + a

    def by_hand(x: Array, g: Array, t: int, s: dict[str, Any]) -> Array:
        m = s.get("m", np.zeros_like(x))
        a = twice(g, m)
        s["m"] = outer(a) + twice(m, g) - twice(g, g)
        return x - 0.5 * (g + a + s["m"]) * 1e-3

    holds(spec, by_hand)


def test_loops() -> None:
    spec = spec_of(
        "u = g\nfor _ in range(k * 2 - 1):\n    a = u\n"
        "    for _ in range(x.ndim):\n        u = 0.5 * u + 0.1 * a\n    m = m + u\n"
        "for _ in range(2):\n    w = u * u\nx = x - lr * (u + w)",
        hypers="lr: Rate = 0.5, k: Count = 2",
    )

    def by_hand(k: int) -> Callable[..., Any]:
        def rule(x: Array, g: Array, t: int, s: dict[str, Any]) -> Array:
            u, m = g, s.get("m", np.zeros_like(x))
            for _ in range(2 * k - 1):
                a = u
                for _ in range(x.ndim):
                    u = 0.5 * u + 0.1 * a
                m = m + u
            s["m"] = m
            return x - 0.5 * (u + u * u)

        return rule

    for k in (0, 1, 3):
        holds(spec, by_hand(k), k=k)


def test_shadowed_words_are_plain_names() -> None:
    """A slot `full`, a hyperparameter `clip`, a local `sum`: the words they hide are simply not called."""
    spec = spec_of(
        "sum = clip * full\nnorm = sum + g\nfull = full + norm\nmean = t / 2\nx = x - lr * norm * mean",
        "full: Slot = ones",
        "lr: Rate = 0.5, clip: Positive = 0.25",
    )

    def by_hand(x: Array, g: Array, t: int, s: dict[str, Any]) -> Array:
        full = s.get("full", np.ones_like(x))
        s["full"] = full + 0.25 * full + g
        return x - 0.5 * (0.25 * full + g) * t / 2

    holds(spec, by_hand)


def test_none_narrows_what_follows() -> None:
    spec = spec_of(
        "u = g if top is None else minimum(g, top)\n"
        "if low is not None and top is not None:\n    u = maximum(u, low * top)\n"
        "elif not (low is None):\n    u = u * low\nm = u\nx = x - lr * u",
        hypers="lr: Rate = 0.5, top: Optional[Positive] = None, low: Optional[Real] = -0.5",
    )

    def by_hand(top: float | None, low: float | None) -> Callable[..., Any]:
        def rule(x: Array, g: Array, t: int, s: dict[str, Any]) -> Array:
            u = g if top is None else np.minimum(g, top)
            if low is not None:
                u = u * low if top is None else np.maximum(u, low * top)
            return x - 0.5 * u

        return rule

    for top in (None, 0.3):
        for low in (None, -0.5):
            holds(spec, by_hand(top, low), top=top, low=low)


def test_what_is_taken_for_granted_of_the_rank_is_asserted() -> None:
    """A rule that reduces an axis without asking refuses the parameters that have none, before the first step."""
    spec = spec_of("x = x - lr * g / (1 + norm(g, axis=-2))[..., None, :] * m", "m: Slot = ones")
    opt = adaspec.interpret(spec)
    opt.init([np.ones((2, 3))])
    for shape in ((), (3,)):
        with pytest.raises(
            ValueError, match=r"mine: its parameters need at least 2 dimensions \(parameter '0' has shape"
        ):
            opt.init([np.ones(shape)])
    asked = spec_of(
        "wide = x.ndim > 1\nif wide and x.shape[-2] > 1:\n"
        "    m = mean(g, axis=-1)[..., None] + 0 * g\nx = x - lr * (m + g)"
    )
    assert not any(type(s).__name__ == "Assert" for s in asked.checked)
    adaspec.interpret(asked).init([np.ones(()), np.ones(3), np.ones((2, 3))])


# Shapes


def test_axes() -> None:
    spec = spec_of(
        'assert x.ndim >= 2, "matrices"\n'
        "row = 0.5 * row + mean(g, axis=-1); col = 0.5 * col + max(abs(g), axis=-2)\n"
        "u = row[..., :, None] * col[..., None, :] / sum(row, axis=-1)[..., None, None]\n"
        "w = g @ g.T @ u + (norm(g, axis=-1) * rms(g.T, axis=-2))[..., None]\n"
        "x = x - lr * w / (x.shape[-2] + x.shape[-1] / x.ndim)",
        "row: Slot = zeros.without(-1), col: Slot = ones.without(-2)",
    )

    def by_hand(x: Array, g: Array, t: int, s: dict[str, Any]) -> Array:
        row = s["row"] = 0.5 * s.get("row", 0) + g.mean(axis=-1)
        col = s["col"] = 0.5 * s.get("col", 1) + np.abs(g).max(axis=-2)
        u = row[..., :, None] * col[..., None, :] / row.sum(axis=-1)[..., None, None]
        size = np.sqrt((g**2).sum(axis=-1)) * np.sqrt((g**2).mean(axis=-1))
        w = g @ np.swapaxes(g, -1, -2) @ u + size[..., None]
        return x - 0.5 * w / (x.shape[-2] + x.shape[-1] / x.ndim)

    holds(spec, by_hand, ((4, 3), (3, 4), (2, 3, 4), (1, 1)))


def test_front_axes_of_a_matrix() -> None:
    flat = "if a.shape[0] < a.shape[1] else"
    before = f"def wide(a: Matrix):\n    b = a.T {flat} a\n    return b.T {flat} b\n\n\n"
    spec = spec_of(
        'assert x.ndim == 2, "matrices"\nm = wide(g) * x.shape[0] - m * m.shape[1]\nx = x - lr * m / g.shape[0]',
        before=before,
    )

    def by_hand(x: Array, g: Array, t: int, s: dict[str, Any]) -> Array:
        s["m"] = g * x.shape[0] - s.get("m", 0) * x.shape[1]
        return x - 0.5 * s["m"] / x.shape[0]

    holds(spec, by_hand, ((4, 3), (3, 4), (2, 2)))


@pytest.mark.parametrize(
    ("written", "by_hand"),
    [
        ("sign(g) * abs(m) + sqrt(abs(g))", lambda g, t: np.sign(g) * 0.5 + np.sqrt(np.abs(g))),
        ("rsqrt(1 + g**2) + exp(-g) * expm1(g)", lambda g, t: 1 / np.sqrt(1 + g**2) + np.exp(-g) * np.expm1(g)),
        ("log(1 + abs(g)) - log1p(abs(g)) + tanh(g)", lambda g, t: np.tanh(g)),
        (
            "floor(3 * g) + minimum(g, 0.1) * maximum(0.2, g)",
            lambda g, t: np.floor(3 * g) + np.minimum(g, 0.1) * np.maximum(0.2, g),
        ),
        (
            "clip(g, -0.3, 0.2) + where(g > 0, 1.0, -2.0)",
            lambda g, t: np.clip(g, -0.3, 0.2) + np.where(g > 0, 1.0, -2.0),
        ),
        ("where((g >= 0) & ~(g > 1) | (g != g), g, m)", lambda g, t: np.where((g >= 0) & (g <= 1), g, 0.5)),
        ("where(t > 2, g, 2 * g) + where(lr < 1, 1, 0)", lambda g, t: np.where(t > 2, g, 2 * g) + 1),
        (
            "where(~(t == 2), 0.0, g) + where((t > 1) & (lr == 0.5), 3, g)",
            lambda g, t: (g if t == 2 else 0) + (3 if t > 1 else g),
        ),
        ("2**g + (abs(g) + 1)**0.5 - g**3 + -g**2", lambda g, t: 2**g + (np.abs(g) + 1) ** 0.5 - g**3 - g**2),
        (
            "g / (norm(g) + rms(g) + sum(g**2) + max(abs(g)) + mean(g**2))",
            lambda g, t: (
                g / (np.sqrt((g**2).sum()) + np.sqrt((g**2).mean()) + (g**2).sum() + np.abs(g).max() + (g**2).mean())
            ),
        ),
    ],
)
def test_the_vocabulary(written: str, by_hand: Callable[..., Any]) -> None:
    holds(
        spec_of(f"x = x - lr * ({written}) + 0 * m", "m: Slot = full(0.5)"), lambda x, g, t, s: x - 0.5 * by_hand(g, t)
    )
