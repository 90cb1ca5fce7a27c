"""The torch classes of rules that are easy to get wrong: aliases, rebound gradients, branches, sums over the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import adaspec
from test_torch import assert_close, parameters, run
from tricky import LOCAL, MODEL, settings, tricky

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.needs_torch

BODIES = LOCAL | MODEL
SHAPES = [(4, 4), (3, 3), (0, 5)]


def compare(spec: Any, opt: Any, params: list[Any], step: Any = None, steps: int = 4, **hypers: Any) -> None:
    rng = np.random.default_rng(0)
    values = [p.detach().numpy().copy() for p in params]
    meaning = adaspec.interpret(spec, **hypers)
    state = meaning.init(values)
    for _ in range(steps):
        grads = [rng.normal(size=s) for s in SHAPES]
        run(opt, params, [grads], step)
        values, state = meaning.step(values, grads, state)
    for i, (p, value) in enumerate(zip(params, values, strict=True)):
        assert_close(p, value, 1e-12, f"parameter {i}")
        for name, slot in state.slots[str(i)].items():
            assert_close(opt.state[p][name], slot, 1e-12, name)
    for name, value in state.shared.items():
        assert_close(opt.param_groups[0][name], value, 1e-12, name)


def fresh(dtype: Any = None) -> list[Any]:
    rng = np.random.default_rng(1)
    return parameters([rng.normal(size=s) for s in SHAPES], dtype)


@pytest.mark.parametrize("foreach", [None, False])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_tricky_rules(body: str, foreach: bool | None) -> None:
    spec = tricky(body)
    cls = adaspec.build(spec, "torch")
    for hypers in settings(spec):
        params = fresh()
        compare(spec, cls(params, **hypers, foreach=foreach), params, **hypers)


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_tricky_rules_compiled(body: str) -> None:
    spec = tricky(body)
    cls = adaspec.build(spec, "torch")
    hypers = settings(spec)[-1]
    torch._dynamo.reset()
    params = fresh()
    opt = cls(params, **hypers)
    compare(spec, opt, params, torch.compile(opt.step, backend="aot_eager"), 3, **hypers)
    torch._dynamo.reset()


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_tricky_rules_round_once(body: str) -> None:
    """A step of a bfloat16 parameter is the float32 step, rounded."""
    spec = tricky(body)
    cls = adaspec.build(spec, "torch")
    for foreach in (None, False):
        half = fresh(torch.bfloat16)
        full = [torch.nn.Parameter(p.detach().float()) for p in half]
        grads = [torch.randn(s, generator=torch.Generator().manual_seed(3)).bfloat16().float() for s in SHAPES]
        for params in (half, full):
            run(cls(params, foreach=foreach), params, [grads])
        for p, q in zip(half, full, strict=True):
            assert torch.equal(p, q.bfloat16())


def test_groups_with_shared_scalars_of_their_own() -> None:
    """A Shared that no total enters advances with its group; groups are optimizers of their own then."""
    spec = tricky(MODEL["shared by a group, with the step"])
    cls = adaspec.build(spec, "torch")
    params, alone = fresh(), fresh()
    both = cls([{"params": params[:1], "lr": 0.5}, {"params": params[1:]}])
    singles = [cls(alone[:1], lr=0.5), cls(alone[1:])]
    rng = np.random.default_rng(2)
    for k in range(4):
        grads: list[Any] = [rng.normal(size=s) for s in SHAPES]
        if k == 1:
            grads[0] = None
        run(both, params, [grads])
        run(singles[0], alone[:1], [grads[:1]])
        run(singles[1], alone[1:], [grads[1:]])
    for p, q in zip(params, alone, strict=True):
        assert torch.equal(p, q)
    for group, single in zip(both.param_groups, singles, strict=True):
        assert torch.equal(group["r"], single.param_groups[0]["r"])


NAMES = """
def step(x: Param, state: Grad, t: Step, params: Slot = zeros, torch: Slot = zeros, *, lr: Rate = 0.1,
         foreach: Decay = 0.9, a: Positive = 1e-8, defaults: Rate = 0.0):
    params = foreach * params + (1 - foreach) * state
    math = state**2
    zip = math + a
    torch = torch + zip
    group = params / sqrt(torch)
    x = x - lr * (group + defaults * x)
    return x, params, torch
"""


def test_names_that_clash() -> None:
    """A spec's names that torch or the module needs get a `_`, wherever they stand."""
    spec = adaspec.parse('"""Clash: of names. The tests, 2025. https://example.org"""\n' + NAMES)
    cls = adaspec.build(spec, "torch")
    assert cls.__name__ == "Step"
    params = fresh()
    opt = cls(params, foreach_=0.8, defaults_=0.1)
    assert {"foreach_", "defaults_", "a", "foreach"} < opt.param_groups[0].keys()
    values = [p.detach().numpy().copy() for p in params]
    meaning = adaspec.interpret(spec, foreach=0.8, defaults=0.1)
    state = meaning.init(values)
    rng = np.random.default_rng(0)
    for _ in range(3):
        grads = [rng.normal(size=s) for s in SHAPES]
        run(opt, params, [grads])
        values, state = meaning.step(values, grads, state)
    for i, (p, value) in enumerate(zip(params, values, strict=True)):
        assert_close(p, value, 1e-12)
        assert_close(opt.state[p]["torch_"], state.slots[str(i)]["torch"], 1e-12)
    assert list(opt.state[params[0]]) == ["step", "params_", "torch_"]
