"""What statements mean: the interpreter on small rules, against the same rule written by hand in NumPy."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adaspec

Array = np.ndarray
HEAD = '"""Mine: an example. Example, 2026."""\n\nfrom adaspec.lang import *\n\n\n'
SHAPES = ((), (5,), (4, 3), (2, 3, 4))


def spec_of(body: str, args: str = "m: Slot = zeros", hypers: str = "lr: Rate = 0.5", before: str = "", after: str = "") -> adaspec.Spec:
    """A rule of these statements, `;` for a new line; its return is written for it."""
    names = ", ".join(["x", *(a.split(":")[0].strip() for a in args.split(",") if a.strip())])
    lines = "".join(f"    {line}\n" for line in body.replace("; ", "\n").split("\n"))
    signature = ", ".join(part for part in ("x: Param, g: Grad, t: Step", args, f"*, {hypers}" if hypers else "") if part)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", adaspec.SpecWarning)
        return adaspec.parse(f"{HEAD}{before}def mine({signature}):\n{lines}    return {names}\n{after}")


def arrays(shapes: tuple[tuple[int, ...], ...] = SHAPES, seed: int = 0) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.normal(size=shape)) for shape in shapes]


def holds(
    spec: adaspec.Spec, by_hand: Callable[..., Any], shapes: tuple[tuple[int, ...], ...] = SHAPES, steps: int = 3, **hypers: Any
) -> None:
    """`by_hand(x, g, t, slots)` changes the dict of slots, which begins empty, and returns the new parameter."""
    opt = adaspec.interpret(spec, **hypers)
    params = arrays(shapes)
    mirror = [p.copy() for p in params]
    state: Any = opt.init(params)
    slots: list[dict[str, Any]] = [{} for _ in params]
    for t in range(1, steps + 1):
        grads = arrays(shapes, seed=t)
        params, state = opt.step(params, grads, state)
        mirror = [np.asarray(by_hand(x, g, t, s)) for x, g, s in zip(mirror, grads, slots, strict=True)]
        for x, y in zip(params, mirror, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-13, atol=1e-13)
    for found, wanted in zip(state.slots.values(), slots, strict=True):
        for name, value in wanted.items():
            np.testing.assert_allclose(found[name], value, rtol=1e-13, atol=1e-13)


# Static facts


def test_if_on_rank_shape_and_flags() -> None:
    spec = spec_of(
        "tall = x.ndim == 2 and x.shape[0] > x.shape[-1]\nif on and (tall or x.ndim == 0):\n    m = m + g\n    u = 2 * m\n"
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
        hypers="lr: Rate = 0.5, on: Flag = True, k: Count = 2", before=before,
    )  # fmt: skip

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
    spec = spec_of("u = g; a = twice(u, m); m = outer(a) + twice(m, u) - twice(u, u); x = x - lr * (u + a + m) * 1e-3", before=before)

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
        "u = g\nfor _ in range(k * 2 - 1):\n    a = u\n    for _ in range(x.ndim):\n        u = 0.5 * u + 0.1 * a\n    m = m + u\n"
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
        "sum = clip * full\nnorm = sum + g\nfull = full + norm\nmean = t / 2\nx = x - lr * norm * mean", "full: Slot = ones",
        "lr: Rate = 0.5, clip: Positive = 0.25",
    )  # fmt: skip

    def by_hand(x: Array, g: Array, t: int, s: dict[str, Any]) -> Array:
        full = s.get("full", np.ones_like(x))
        s["full"] = full + 0.25 * full + g
        return x - 0.5 * (0.25 * full + g) * t / 2

    holds(spec, by_hand)


def test_none_narrows_what_follows() -> None:
    spec = spec_of(
        "u = g if top is None else minimum(g, top)\nif low is not None and top is not None:\n    u = maximum(u, low * top)\n"
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
        with pytest.raises(ValueError, match=r"mine: its parameters need at least 2 dimensions \(parameter '0' has shape"):
            opt.init([np.ones(shape)])
    asked = spec_of("wide = x.ndim > 1\nif wide and x.shape[-2] > 1:\n    m = mean(g, axis=-1)[..., None] + 0 * g\nx = x - lr * (m + g)")
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
    before = "def wide(a: Matrix):\n    b = a.T if a.shape[0] < a.shape[1] else a\n    return b.T if a.shape[0] < a.shape[1] else b\n\n\n"
    spec = spec_of(
        'assert x.ndim == 2, "matrices"\nm = wide(g) * x.shape[0] - m * m.shape[1]\nx = x - lr * m / g.shape[0]', before=before
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
        ("floor(3 * g) + minimum(g, 0.1) * maximum(0.2, g)", lambda g, t: np.floor(3 * g) + np.minimum(g, 0.1) * np.maximum(0.2, g)),
        ("clip(g, -0.3, 0.2) + where(g > 0, 1.0, -2.0)", lambda g, t: np.clip(g, -0.3, 0.2) + np.where(g > 0, 1.0, -2.0)),
        ("where((g >= 0) & ~(g > 1) | (g != g), g, m)", lambda g, t: np.where((g >= 0) & (g <= 1), g, 0.5)),
        ("where(t > 2, g, 2 * g) + where(lr < 1, 1, 0)", lambda g, t: np.where(t > 2, g, 2 * g) + 1),
        ("where(~(t == 2), 0.0, g) + where((t > 1) & (lr == 0.5), 3, g)", lambda g, t: (g if t == 2 else 0) + (3 if t > 1 else g)),
        ("2**g + (abs(g) + 1)**0.5 - g**3 + -g**2", lambda g, t: 2**g + (np.abs(g) + 1) ** 0.5 - g**3 - g**2),
        ("g / (norm(g) + rms(g) + sum(g**2) + max(abs(g)) + mean(g**2))",
         lambda g, t: g / (np.sqrt((g**2).sum()) + np.sqrt((g**2).mean()) + (g**2).sum() + np.abs(g).max() + (g**2).mean())),
    ],
)  # fmt: skip
def test_the_vocabulary(written: str, by_hand: Callable[..., Any]) -> None:
    holds(spec_of(f"x = x - lr * ({written}) + 0 * m", "m: Slot = full(0.5)"), lambda x, g, t, s: x - 0.5 * by_hand(g, t))


# Slots, shared scalars, totals


def test_beginnings() -> None:
    spec = spec_of(
        "u = z + o + f + c + 0 * g; w = w * 2; s = s + norm(f1); f1 = 0.5 * f1 + 0.5 * g\n"
        "z = z + 1; o = o * 2; f = f * g; x = x - lr * (u + s + w + f1)",
        "z: Slot, o: Slot = ones, f: Slot = full(-0.25), c: Slot = copy, f1: Slot = first_grad, s: Slot = zeros.scalar, w: Slot = full(3).scalar",
    )

    def by_hand(x: Array, g: Array, t: int, s: dict[str, Any]) -> Array:
        if t == 1:
            s |= {"z": np.zeros_like(x), "o": np.ones_like(x), "f": np.full_like(x, -0.25), "c": x, "f1": g, "s": 0.0, "w": 3.0}
        u = s["z"] + s["o"] + s["f"] + s["c"]
        s["w"], s["s"], s["f1"] = s["w"] * 2, s["s"] + np.sqrt((s["f1"] ** 2).sum()), 0.5 * s["f1"] + 0.5 * g
        s["z"], s["o"], s["f"] = s["z"] + 1, s["o"] * 2, s["f"] * g
        return x - 0.5 * (u + s["s"] + s["w"] + s["f1"])

    holds(spec, by_hand)


def test_a_copy_is_no_alias() -> None:
    spec = spec_of("x = x - lr * g + 0 * m", "m: Slot = copy")
    x = np.ones(3)
    state: Any = adaspec.interpret(spec).init([x])
    x[:] = 7
    assert np.array_equal(state.slots["0"]["m"], np.ones(3))


def model(body: str, args: str, hypers: str = "lr: Rate = 0.5", **given: Any) -> tuple[list[list[Array]], Any]:
    """The parameters after each of three steps, and the last state."""
    opt = adaspec.interpret(spec_of(body, args, hypers), **given)
    params = arrays()
    state: Any = opt.init(params)
    run = []
    for t in (1, 2, 3):
        params, state = opt.step(params, arrays(seed=t), state)
        run.append(params)
    return run, state


def test_a_shared_scalar_without_a_total() -> None:
    run, state = model("w = w + lr * t; c = w / 2; w = w + 1; x = x - c * w * g", "w: Shared = 2.0")
    x, w = arrays(), 2.0
    for t in (1, 2, 3):
        c = (w + 0.5 * t) / 2
        w = w + 0.5 * t + 1
        x = [a - c * w * g for a, g in zip(x, arrays(seed=t), strict=True)]
        for a, b in zip(run[t - 1], x, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-13)
    assert state.shared == {"w": pytest.approx(w, rel=1e-15)}


def test_several_totals_and_totals_of_totals() -> None:
    body = (
        "a = total(sum(g * x)) + total(norm(m)); m = m + a * g; b = total(sum(m / (1 + total(sum(abs(m))))))\n"
        "d = d + b; e = e + total(max(abs(g - b * x))) * d; x = x - lr * (a + b + d + e) * 1e-3 * m"
    )
    run, state = model(body, "m: Slot = ones, d: Shared = 0.5, e: Shared = -1.0")
    x, m, d, e = arrays(), [np.ones_like(a) for a in arrays()], 0.5, -1.0
    for t in (1, 2, 3):
        g = arrays(seed=t)
        a = sum(float((p * q).sum()) for p, q in zip(g, x, strict=True)) + sum(float(np.sqrt((v**2).sum())) for v in m)
        m = [v + a * q for v, q in zip(m, g, strict=True)]
        inner = sum(float(np.abs(v).sum()) for v in m)
        b = sum(float((v / (1 + inner)).sum()) for v in m)
        d = d + b
        e = e + sum(float(np.abs(q - b * p).max()) for q, p in zip(g, x, strict=True)) * d
        x = [p - 0.5 * (a + b + d + e) * 1e-3 * v for p, v in zip(x, m, strict=True)]
        for found, wanted in zip(run[t - 1], x, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-11)
    assert state.shared == {"d": pytest.approx(d), "e": pytest.approx(e)}


@pytest.mark.parametrize(("on", "limit"), [(True, None), (False, None), (True, 0.5), (False, 0.5)])
def test_a_total_under_a_flag(on: bool, limit: float | None) -> None:
    """On the side that is not chosen nothing is summed, nor even computed."""
    body = (
        "if on:\n    c = total(sum(g**2))\nelse:\n    c = 1.0\n"
        "u = total(sum(minimum(g, limit))) if limit is not None else c\nx = x - lr * g * (c + u)"
    )
    run, _ = model(body, "", "lr: Rate = 0.5, on: Flag = True, limit: Optional[Positive] = None", on=on, limit=limit)
    x = arrays()
    for t in (1, 2, 3):
        g = arrays(seed=t)
        c = sum(float((q**2).sum()) for q in g) if on else 1.0
        u = c if limit is None else sum(float(np.minimum(q, limit).sum()) for q in g)
        x = [p - 0.5 * q * (c + u) for p, q in zip(x, g, strict=True)]
        for found, wanted in zip(run[t - 1], x, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_a_total_runs_over_the_parameters_with_a_gradient() -> None:
    opt = adaspec.interpret(spec_of("w = w + total(sum(g)); x = x - w * g", "w: Shared = 0.0"))
    params: Any = {"a": np.ones(2), "b": np.ones(3), "c": np.ones((0, 2))}
    state: Any = opt.init(params)
    params, state = opt.step(params, {"a": np.ones(2), "b": None, "c": np.ones((0, 2))}, state)
    assert state.shared == {"w": 2.0} and state.steps == {"a": 1, "b": 0, "c": 1}
    assert np.array_equal(params["a"], [-1.0, -1.0]) and np.array_equal(params["b"], np.ones(3))


def test_the_step_of_a_parameter_and_of_the_model() -> None:
    """t counts the updates of the parameter; where a Shared is bound it is the optimizer's."""
    opt = adaspec.interpret(spec_of("u = 2 * t; w = w + u; v = 10 * t; x = x - v - 100 * w + 0 * g", "w: Shared = 0.0", ""))
    params: Any = [np.zeros(1), np.zeros(1)]
    state: Any = opt.init(params)
    params, state = opt.step(params, [np.ones(1), None], state)
    params, state = opt.step(params, [np.ones(1), np.ones(1)], state)
    assert state.steps == {"0": 2, "1": 1} and state.step == 2 and state.shared == {"w": 2.0 + 4.0}
    assert [float(p[0]) for p in params] == [-10 - 200 - 20 - 600, -10 - 600]


# Views and schedules


def test_views() -> None:
    after = """

def blend(a: Array, b: Array, s: Scalar):
    d = a * s
    return d + b * (1 - s)


@view("eval")
def averaged(x: Param, m: Slot, w: Shared, *, mix: Decay):
    d = w + 1
    e = blend(x, m, mix)
    return d + e - 1


@view("far")
def ahead(x: Param, *, on: Flag, top: Optional[Positive]):
    y = x * 2 if on else x
    return y if top is None else minimum(y, top)
"""
    spec = spec_of("m = m + g; w = w + 1; x = x - lr * m", "m: Slot = zeros, w: Shared = 0.5",
                   "lr: Rate = 0.5, mix: Decay = 0.25, on: Flag = True, top: Optional[Positive] = None", after=after)  # fmt: skip
    opt = adaspec.interpret(spec, on=False)
    params: Any = {"a": np.array([1.0, -2.0]), "b": [np.array(3.0), np.ones((0, 2))]}
    state: Any = opt.init(params)
    params, state = opt.step(params, {"a": np.ones(2), "b": [np.array(1.0), np.ones((0, 2))]}, state)
    seen = opt.view("eval", params, state)
    np.testing.assert_allclose(seen["a"], 0.25 * np.array([0.5, -2.5]) + 0.75 + 1.5)
    np.testing.assert_allclose(seen["b"][0], 0.25 * 2.5 + 0.75 + 1.5)
    assert seen["b"][1].shape == (0, 2) and list(spec.views) == ["eval", "far"]
    np.testing.assert_allclose(opt.view("eval", params, state, mix=0.5)["a"], 0.5 * np.array([0.5, -2.5]) + 0.5 + 1.5)
    np.testing.assert_allclose(opt.view("far", params, state)["a"], [0.5, -2.5])
    capped = adaspec.interpret(spec, top=0.25)
    np.testing.assert_allclose(capped.view("far", params, state)["a"], [0.25, -5.0])
    with pytest.raises(KeyError, match="mine has no view 'train': it has eval, far"):
        opt.view("train", params, state)


def test_schedules_are_functions_of_their_own_arguments() -> None:
    before = """
def capped(y: Scalar, top: Optional[Real]):
    return minimum(y, top) if top is not None else y


@schedule
def warm(s: Step, *, m: Positive, on: Flag, top: Optional[Real]):
    y = m * s
    if on:
        for _ in range(2):
            y = y / 2
    return capped(y, top)


"""
    spec = spec_of("m = m + g; x = x - warm(t, m=lr, on=on, top=top) * m + warm(2 * t, m=1, on=False, top=0.5) + capped(3, None)", before=before,
                   hypers="lr: Rate = 0.5, on: Flag = True, top: Optional[Real] = None")  # fmt: skip

    def by_hand(x: Array, g: Array, t: int, s: dict[str, Any]) -> Array:
        s["m"] = s.get("m", 0) + g
        return x - 0.5 * t / 4 * s["m"] + min(2 * t, 0.5) + 3

    holds(spec, by_hand)
    assert spec.evaluate("warm", 6, m=0.5) == 0.75 and spec.evaluate("warm", 6, m=0.5, on=False, top=1.0) == 1.0
    with pytest.raises(TypeError, match="the schedule 'warm' takes 'm', which is no hyperparameter"):
        spec.evaluate("warm", 6)
    with pytest.raises(KeyError, match="mine has no schedule 'cold': it has warm"):
        spec.evaluate("cold", 6)
