"""What a model keeps: slots and how they begin, shared scalars, totals, counts of steps, views and schedules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import adaspec
from handmade import Array, arrays, holds, spec_of


def test_beginnings() -> None:
    spec = spec_of(
        "u = z + o + f + c + 0 * g; w = w * 2; s = s + norm(f1); f1 = 0.5 * f1 + 0.5 * g\n"
        "z = z + 1; o = o * 2; f = f * g; x = x - lr * (u + s + w + f1)",
        "z: Slot, o: Slot = ones, f: Slot = full(-0.25), c: Slot = copy, f1: Slot = first_grad, "
        "s: Slot = zeros.scalar, w: Slot = full(3).scalar",
    )

    def by_hand(x: Array, g: Array, t: int, s: dict[str, Any]) -> Array:
        if t == 1:
            s |= {
                "z": np.zeros_like(x),
                "o": np.ones_like(x),
                "f": np.full_like(x, -0.25),
                "c": x,
                "f1": g,
                "s": 0.0,
                "w": 3.0,
            }
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
    opt = adaspec.interpret(
        spec_of("u = 2 * t; w = w + u; v = 10 * t; x = x - v - 100 * w + 0 * g", "w: Shared = 0.0", "")
    )
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
    spec = spec_of(
        "m = m + g; w = w + 1; x = x - lr * m",
        "m: Slot = zeros, w: Shared = 0.5",
        "lr: Rate = 0.5, mix: Decay = 0.25, on: Flag = True, top: Optional[Positive] = None",
        after=after,
    )
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
    spec = spec_of(
        "m = m + g; x = x - warm(t, m=lr, on=on, top=top) * m + warm(2 * t, m=1, on=False, top=0.5) + capped(3, None)",
        before=before,
        hypers="lr: Rate = 0.5, on: Flag = True, top: Optional[Real] = None",
    )

    def by_hand(x: Array, g: Array, t: int, s: dict[str, Any]) -> Array:
        s["m"] = s.get("m", 0) + g
        return x - 0.5 * t / 4 * s["m"] + min(2 * t, 0.5) + 3

    holds(spec, by_hand)
    assert spec.evaluate("warm", 6, m=0.5) == 0.75 and spec.evaluate("warm", 6, m=0.5, on=False, top=1.0) == 1.0
    with pytest.raises(TypeError, match="the schedule 'warm' takes 'm', which is no hyperparameter"):
        spec.evaluate("warm", 6)
    with pytest.raises(KeyError, match="mine has no schedule 'cold': it has warm"):
        spec.evaluate("cold", 6)
