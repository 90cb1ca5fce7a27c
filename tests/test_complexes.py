"""Complex parameters: which rules take them, and that they mean the arrays of their real and imaginary parts."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec import ir
from adaspec.complexes import apart, refusal, takes_complex, together
from adaspec.interpret import Interpreter, State
from adaspec.library import rules
from adaspec.verification import supplied
from test_interpreter import MARKED, NAMESPACES, x64

Array = Any
TAKEN = [name for name in rules() if takes_complex(adaspec.load(name))]
SHAPES = [(), (3,), (2, 4), (0, 3)]
STEPS = 3


def numbers(seed: int, shapes: Any = SHAPES) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.normal(size=s) + 1j * rng.normal(size=s)) for s in shapes]


def bits(a: Array) -> tuple[str, tuple[int, ...], bytes]:
    a = np.asarray(a)
    return a.dtype.name, a.shape, a.tobytes()


def inputs(spec: adaspec.Spec, step: int, grads: list[Array]) -> dict[str, Any]:
    """What the rule takes beside gradients; of arrays the parts stand for two real ones, as in the parameters."""
    found = supplied(spec, 0, step, [apart(g) for g in grads])
    return {n: [together(np.asarray(a)) for a in v] if isinstance(v, list) else v for n, v in found.items()}


def halved(values: Mapping[str, Any]) -> dict[str, Any]:
    return {n: [apart(a) for a in v] if isinstance(v, list) else v for n, v in values.items()}


def whole(spec: adaspec.Spec) -> set[str]:
    return {s.name for s in spec.core.slots if s.init.whole}


def test_a_rule_that_asks_for_no_axis_takes_them() -> None:
    """The specs that use shapes, axes or matrices by their text, and no others: read off the checked rule here anew."""
    for name in rules():
        spec = adaspec.load(name)
        views = [part for view in spec.views for part in spec.view(view)]
        nodes = [n for part in (spec.checked, *views) for n in ir.walk(part)]
        kinds = {type(n).__name__ for n in nodes} | {f"@{n.op}" for n in nodes if isinstance(n, ir.Binary)}
        shaped = kinds & {"Ndim", "Size", "Dim", "Shape", "Index", "Transpose", "Part", "@@"}
        reduced = [n for n in nodes if isinstance(n, ir.Call) and n.options]
        smaller = whole(spec) | {s.name for s in spec.core.slots if s.init.scalar} < spec.state((2, 3)).keys()
        assert takes_complex(spec) == (not (shaped or reduced or smaller)), name
    assert len(TAKEN) >= 130 and {"adam", "sgd", "lamb", "prodigy", "schedule_free", "sgld", "adahessian"} <= set(TAKEN)
    assert not {"adafactor", "muon", "shampoo", "centralize", "sm3", "galore"} & set(TAKEN)


@pytest.mark.parametrize(
    ("statement", "slot", "why"),
    [
        ("x = x - lr * g", "zeros", None),
        ("x = x - lr * g / norm(g) * mean(abs(x)) / total(sum(g**2)) * max(abs(g))", "zeros.scalar", None),
        ("x = x - lr * where(g > 0, g, m)", "full(0.1)", None),
        ("x = x - lr * g * mean(g, axis=-1)[..., None]", "zeros", "it adds axes"),
        ("x = x - lr * g * mean(g[..., None], axis=-1)", "zeros", "it takes 'mean' along an axis"),
        ("x = x - lr * (g @ (x.T @ x))", "zeros", "it multiplies matrices"),
        ("x = x - lr * g / x.size", "zeros", "it asks for a shape"),
        ("x = x - lr * g / total(x.size)", "zeros", "it asks for a shape"),
        ("x = x - lr * g / fan_in(x)", "zeros", "it asks for a shape"),
        ("x = x - (lr * g if x.ndim > 1 else g)", "zeros", "it asks for a shape"),
        ("x = x - lr * spread(sum(g**2, keep=0), 0)", "zeros", "'spread' works on axes"),
        ("x = x - lr * g", "zeros.without(-1)", "its slot 'm' has axes of its own"),
        ("x = x - lr * g", "zeros.only(0)", "its slot 'm' has axes of its own"),
    ],
)
def test_why_a_rule_refuses(statement: str, slot: str, why: str | None) -> None:
    keep = "m + 0 * lr" if slot not in ("zeros", "full(0.1)") else "m + g"
    text = f"""\"\"\"Odd: a rule. Nobody, 2026.\"\"\"
def odd(x: Param, g: Grad, m: Slot = {slot}, *, lr: Rate = 0.1):
    {statement}
    m = {keep}
    return x, m
"""
    spec = adaspec.parse(text)
    assert refusal(spec) == why
    params = numbers(0, [(2, 2)])
    if why is not None:
        with pytest.raises(TypeError, match=f"parameter '0' is complex128: odd takes no complex parameters, for {why}"):
            adaspec.interpret(spec).init(params)
        return
    opt = adaspec.interpret(spec)
    found, _ = opt.step(params, params, opt.init(params))
    wanted, _ = opt.step([apart(p) for p in params], [apart(p) for p in params], opt.init([apart(p) for p in params]))
    assert bits(apart(found[0])) == bits(wanted[0])


def test_a_view_that_asks_for_axes_refuses_too() -> None:
    text = """\"\"\"Odd: a rule. Nobody, 2026.\"\"\"
def odd(x: Param, g: Grad, *, lr: Rate = 0.1):
    x = x - lr * g
    return x
@view("eval")
def shown(x: Param):
    return x / x.size
"""
    assert refusal(adaspec.parse(text)) == "it asks for a shape"


def test_slots_without_a_complex_dtype_refuse() -> None:
    text = '"""Odd: a rule. Nobody, 2026."""\ndef odd(x: Param, g: Grad, m: Slot[{}] = zeros, *, lr: Rate = 0.1):\n'
    text += "    m = m + g\n    x = x - lr * m\n    return x, m\n"
    assert refusal(adaspec.parse(text.format("bfloat16"))) == (
        "its slot 'm' is bfloat16, of which there are no complex numbers"
    )
    for real, kept in (("float32", "complex64"), ("float64", "complex128")):
        spec = adaspec.parse(text.format(real))
        for own in ("complex64", "complex128"):
            params = [p.astype(own) for p in numbers(0)]
            opt = adaspec.interpret(spec)
            after, state = opt.step(params, params, opt.init(params))
            assert {a.dtype.name for a in after} == {own}
            assert {s["m"].dtype.name for s in state.slots.values()} == {kept}


# Meaning


def agree(spec: adaspec.Spec, of: Any, dtype: str = "complex128") -> None:
    """A run of complex arrays is the run of their parts, bit for bit: parameters, slots, Shareds and views."""
    opt = Interpreter(spec)
    complex_, real = [of(p.astype(dtype)) for p in numbers(0)], [of(apart(p.astype(dtype))) for p in numbers(0)]
    states: list[State] = [opt.init(complex_), opt.init(real)]
    for step in range(STEPS + 1):
        for path, own in states[0].slots.items():
            rows = {n: states[1].slots[path][n] for n in own}
            for name, slot in own.items():
                assert bits(apart(np.asarray(slot))) == bits(rows[name]), (path, name)
                expected = spec.state(tuple(complex_[int(path)].shape), dtype)[name]
                assert (str(np.asarray(slot).dtype), tuple(slot.shape)) == (expected.dtype, expected.shape)
        if step == STEPS:
            break
        grads = [g.astype(dtype) for g in numbers(step + 1)]
        given = inputs(spec, step, grads)
        parts = halved(given)
        given, parts = ({n: _all(v, of) for n, v in values.items()} for values in (given, parts))
        complex_, states[0] = opt.step(complex_, [of(g) for g in grads], states[0], **given)
        real, states[1] = opt.step(real, [of(apart(g)) for g in grads], states[1], **parts)
        assert [bits(apart(np.asarray(a))) for a in complex_] == [bits(a) for a in real]
        assert all(str(np.asarray(a).dtype) == dtype for a in complex_)
        assert states[0].shared == states[1].shared
    for label in spec.views:
        grads, parts = [of(g) for g in numbers(9)], [of(apart(g)) for g in numbers(9)]
        shown = opt.view(label, complex_, states[0], grads=grads), opt.view(label, real, states[1], grads=parts)
        assert [bits(apart(np.asarray(a))) for a in shown[0]] == [bits(a) for a in shown[1]]


def _all(value: Any, of: Any) -> Any:
    return [of(a) for a in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", TAKEN)
def test_the_parts_are_what_is_meant(name: str) -> None:
    agree(adaspec.load(name), lambda a: a.copy())


@pytest.mark.parametrize("namespace", MARKED)
@pytest.mark.parametrize("name", ["adam", "prodigy", "sgld"])
def test_in_every_namespace(name: str, namespace: str) -> None:
    with x64() if namespace == "jax" else nullcontext():
        agree(adaspec.load(name), NAMESPACES[namespace])


@pytest.mark.parametrize("namespace", MARKED)
def test_parts_join_bit_for_bit(namespace: str) -> None:
    odd = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.5], np.float32)
    pairs = np.stack(np.meshgrid(odd, odd), axis=-1)
    with x64() if namespace == "jax" else nullcontext():
        joined = together(NAMESPACES[namespace](pairs))
        assert np.asarray(joined).dtype == np.complex64 and tuple(joined.shape) == (6, 6)
        np.testing.assert_array_equal(np.asarray(joined).view(np.float32).reshape(6, 6, 2), pairs)
        assert bits(apart(joined)) == bits(pairs)


def test_single_precision_stays() -> None:
    agree(adaspec.load("adam"), lambda a: a.copy(), "complex64")
    opt = adaspec.interpret("novograd")  # one number per array
    slots = opt.init(numbers(0)).slots["1"]
    assert {n: a.dtype.name for n, a in slots.items()} == {"m": "complex128", "v": "float64"}


def test_a_beginning_is_of_both_parts() -> None:
    spec = adaspec.load("adagrad")
    opt = adaspec.interpret(spec.replace(v="full(0.25)") if "v" in spec.slots else spec)
    (slot,) = (a for a in opt.init(np.ones(2, np.complex64)).slots[""].values())
    np.testing.assert_array_equal(slot, np.full(2, 0.25 + 0.25j))


def test_real_and_complex_do_not_mix() -> None:
    opt = adaspec.interpret("adam")
    params = {"re": np.ones(2), "im": np.ones(2, complex)}
    state = opt.init(params)
    mixed, state = opt.step(params, {"re": np.ones(2), "im": np.full(2, 1 - 1j)}, state)
    assert mixed["re"].dtype == np.float64 and mixed["im"].dtype == np.complex128
    for odd in ("re", "im"):
        grads = {n: np.ones(2, float if (n == "re") != (n == odd) else complex) for n in params}
        with pytest.raises(TypeError, match=f"parameter '{odd}' is .*, its gradient .*: both are real, or both"):
            opt.step(params, grads, state)
    newton = adaspec.interpret("adahessian")
    state = newton.init(params["im"])
    (name,) = adaspec.load("adahessian").inputs
    with pytest.raises(TypeError, match=f"the input '{name}' of parameter '' is float64, the parameter complex128"):
        newton.step(params["im"], params["im"], state, **{name: np.ones(2)})
