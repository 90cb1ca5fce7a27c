"""Complex parameters on the targets: every rule that takes them gives what the interpreter gives on their parts."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec.complexes import apart, takes_complex
from adaspec.library import equals, names, rules
from adaspec.verification import FLOAT64_BOUND
from test_complexes import SHAPES, TAKEN, halved, inputs, numbers

STEPS = 4
TARGETS = ["numpy", pytest.param("torch", marks=pytest.mark.needs_torch)]
"""JAX is held against the interpreter in test_jax_complex; Keras has no complex variables to train."""


@cache
def wanted(name: str) -> list[list[Any]]:
    """The parameters after each step, as arrays of their parts, by the interpreter in float64."""
    spec = adaspec.load(name)
    opt = adaspec.interpret(spec)
    params: Any = [apart(p) for p in numbers(0)]
    state = opt.init(params)
    found = []
    for step in range(STEPS):
        grads = numbers(step + 1)
        given = halved(inputs(spec, step, grads))
        params, state = opt.step(params, [apart(g) for g in grads], state, **given)
        found.append(params)
    return found


def apart_from(found: list[Any], right: list[Any]) -> float:
    """The largest difference, relative to the largest part of its array."""
    gaps = [
        np.max(np.abs(apart(np.asarray(a)) - b), initial=0) / max(1.0, np.max(np.abs(b), initial=0))
        for a, b in zip(found, right, strict=True)
    ]
    return float(max(gaps))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", TAKEN)
def test_every_rule_that_takes_them(name: str, target: str) -> None:
    spec = adaspec.load(name)
    module = importlib.import_module(f"adaspec.backends.{target}.session")
    session = module.Session(adaspec.build(spec, target), numbers(0), "complex128", "eager")
    try:
        for step, right in enumerate(wanted(name)):
            grads = numbers(step + 1)
            found = session.step(grads, inputs(spec, step, grads))
            assert [(a.dtype.name, a.shape) for a in found] == [("complex128", shape) for shape in SHAPES]
            assert apart_from(found, right) <= FLOAT64_BOUND, step
    finally:
        session.close()


SLOTS = '''"""Slots: one of every kind that a complex parameter has. Example, 2026."""

from adaspec.lang import *


def slots(
    x: Param, g: Grad, t: Step, a: Slot[float32] = ones, b: Slot = full("lr"), c: Slot = copy, d: Slot = first_grad,
    e: Slot[float64] = full(0.5), n: Slot = ones.scalar, k: Slot[float32] = zeros.scalar, *, lr: Rate = 0.25,
):
    a = 0.5 * a + g
    b = b + a / 8
    n = maximum(n, norm(x - c)) + mean(abs(d))
    k = k + max(g)
    e = 0.9 * e + where(g > 0, b, d)
    x = x - lr * (a + b + e) / (n + abs(k))
    return x, a, b, c, d, e, n, k


@view("eval")
def start(x: Param, c: Slot, n: Slot):
    return c + x / n
'''


@pytest.mark.parametrize("target", TARGETS)
def test_slots_of_every_kind(target: str) -> None:
    spec = adaspec.parse(SLOTS)
    module = importlib.import_module(f"adaspec.backends.{target}.session")
    for own, bound in (("complex128", 1e-6), ("complex64", 1e-5)):  # a slot of single precision is rounded in both
        session = module.Session(adaspec.build(spec, target), numbers(0), own, "eager")
        oracle, parts = adaspec.interpret(spec), [apart(p.astype(own)) for p in numbers(0)]
        state = oracle.init(parts)
        for step in range(STEPS):
            found = session.step(numbers(step + 1), {})
            parts, state = oracle.step(parts, [apart(g.astype(own)) for g in numbers(step + 1)], state)
            assert apart_from(found, parts) <= bound
        if target == "numpy":
            shown = session.optimizer.view("eval", session.params, session.state)
            assert apart_from(shown, oracle.view("eval", parts, state)) <= bound
            kept = session.state["slots"]["2"]
        else:
            optimizer = session.optimizer
            optimizer.load_state_dict(optimizer.state_dict())
            kept = optimizer.state[session.params[2]]
        found = {n: (str(a.dtype).removeprefix("torch."), tuple(a.shape)) for n, a in kept.items() if n != "step"}
        assert found == {n: (s.dtype, s.shape) for n, s in spec.state((2, 4), own).items()}
        assert found["a"][0] == "complex64" and found["e"][0] == "complex128"


FLOAT32 = {"asgd:torch": 1e-8, "nadam:torch": 1e-9}
"""What torch itself keeps in single precision: a step size, a product of decays."""
ORIGINALS = {name: equals(name) for name in names() if name.endswith(":torch") and name != "sparse_adam:torch"}
NATIVE = {
    name: own.of.rpartition(".")[2]
    for name, own in ORIGINALS.items()
    if own is not None and own.of.count(".") == 2 and takes_complex(adaspec.load(name))
}
"""Dialects of torch's own optimizers, with their classes; one of them takes sparse gradients alone."""


@pytest.mark.needs_torch
@pytest.mark.parametrize("name", NATIVE)
def test_torchs_own_mean_the_same(name: str) -> None:
    """Where torch has the optimizer itself, its complex parameters are updated so."""
    import torch

    opt: Any = adaspec.interpret(name)
    params = [torch.nn.Parameter(torch.tensor(p)) for p in numbers(0)]
    native = getattr(torch.optim, NATIVE[name])(params)
    mine: Any = numbers(0)
    state = opt.init(mine)
    for step in range(STEPS):
        for p, g in zip(params, numbers(step + 1), strict=True):
            p.grad = torch.tensor(g)
        native.step()
        mine, state = opt.step(mine, numbers(step + 1), state)
        assert apart_from([p.detach().numpy() for p in params], [apart(a) for a in mine]) <= FLOAT32.get(name, 1e-12)


def test_which_are_torchs_own() -> None:
    assert {n.partition(":")[0] for n in NATIVE} == {
        "adadelta", "adagrad", "adam", "adamax", "adamw", "asgd", "nadam", "radam", "rmsprop", "rprop", "sgd"
    }  # fmt: skip


# NumPy


LAYOUTS = {
    "Fortran": lambda a: np.array(a, order="F"),
    "strided": lambda a: np.repeat(a[..., None], 3, axis=-1)[..., 1],
    "reversed": lambda a: a[::-1].copy()[::-1] if a.ndim else a,
    "swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "spaced": lambda a: np.repeat(a, 2, axis=-1)[..., ::2] if a.ndim else a,
}


@pytest.mark.parametrize("name", TAKEN)
def test_numpy_layouts(name: str) -> None:
    """The same numbers wherever the parts lie, in the arrays that are passed in."""
    spec = adaspec.load(name)
    opt = adaspec.build(spec, "numpy")()
    for lay in LAYOUTS.values():
        params = [lay(p) for p in numbers(0)]
        state = opt.init(params)
        for step, right in enumerate(wanted(name)):
            grads = numbers(step + 1)
            after, _ = opt.step(params, [lay(g) for g in grads], state, **inputs(spec, step, grads))
            assert after is params and apart_from(params, right) <= FLOAT64_BOUND
        for label in spec.views:
            shown = opt.view(label, params, state, **({"grads": numbers(9)} if spec.takes_grads(label) else {}))
            assert [(a.dtype, a.shape) for a in shown] == [(p.dtype, p.shape) for p in params]


def test_numpy_views_are_of_the_parts() -> None:
    for name in TAKEN:
        spec = adaspec.load(name)
        if not spec.views or spec.inputs:
            continue
        opt, oracle = adaspec.build(spec, "numpy")(), adaspec.interpret(spec)
        params, parts = numbers(0), [apart(p) for p in numbers(0)]
        states: Any = [opt.init(params), oracle.init(parts)]
        for step in range(2):
            opt.step(params, numbers(step + 1), states[0])
            parts, states[1] = oracle.step(parts, [apart(g) for g in numbers(step + 1)], states[1])
        for label in spec.views:
            grads = {"grads": numbers(9)} if spec.takes_grads(label) else {}
            shown = opt.view(label, params, states[0], **grads)
            right = oracle.view(label, parts, states[1], **{n: [apart(g) for g in v] for n, v in grads.items()})
            assert apart_from(shown, right) <= FLOAT64_BOUND, (name, label)


def test_numpy_slots_are_those_of_the_spec() -> None:
    for name in TAKEN:
        spec = adaspec.load(name)
        for own in ("complex64", "complex128"):
            params = [p.astype(own) for p in numbers(0)]
            state = adaspec.build(spec, "numpy")().init(params)
            reference = adaspec.interpret(spec).init(params)
            for path, p in zip(state["slots"], params, strict=True):
                slots = {n: a for n, a in state["slots"][path].items() if isinstance(a, np.ndarray)}
                assert slots.keys() == spec.state(p.shape, own).keys(), name
                for n, form in spec.state(p.shape, own).items():
                    assert (slots[n].shape, slots[n].dtype.name) == (form.shape, form.dtype), (name, n)
                    np.testing.assert_array_equal(slots[n], reference.slots[path][n])


def test_numpy_allocates_no_parts() -> None:
    import tracemalloc

    opt = adaspec.build("adam", "numpy")()
    params, grads = ([np.ones((1 << 10, 1 << 10), np.complex64)] for _ in range(2))
    state = opt.init(params)
    opt.step(params, grads, state)
    tracemalloc.start()
    opt.step(params, grads, state)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.2 * params[0].nbytes


@pytest.mark.parametrize("name", sorted(set(rules()) - set(TAKEN)))
def test_numpy_refuses(name: str) -> None:
    words = f"parameter '0' is complex64: {name} takes no complex parameters, for .*; give it the real and the imag"
    with pytest.raises(TypeError, match=words):
        adaspec.build(name, "numpy")().init([np.ones((2, 2), np.complex64)])


def test_numpy_refuses_a_mixture() -> None:
    opt = adaspec.build("adam", "numpy")()
    params = {"re": np.ones(2), "im": np.ones(2, complex)}
    state = opt.init(params)
    for odd in params:
        grads = {n: np.ones(2, float if (n == "re") != (n == odd) else complex) for n in params}
        with pytest.raises(TypeError, match=f"the gradient of '{odd}' is .*: both are real, or both complex"):
            opt.step(params, grads, state)
    assert state["step"] == 0 and params["re"][0] == params["im"][0] == 1
