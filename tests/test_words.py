"""The words of a dialect: what is built of it for its original's framework has its name, and keeps state as it does."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec.holders import native_class
from adaspec.library import names
from adaspec.words import home, renamed, spoken, words

SEED = 7
STEPS = 5
SHAPES = ((4, 3), (6, 5), (5,))
BEYOND = {"step", "self", "name"}


@cache
def dialects() -> tuple[str, ...]:
    """Every dialect that says what its original calls things."""
    loaded = [adaspec.load(name) for name in names() if ":" in name]
    return tuple(s.dialect.name for s in loaded if s.dialect is not None and s.dialect.names)


def of(target: str) -> list[str]:
    return [name for name in dialects() if home(adaspec.load(name)) == target]


def original(spec: adaspec.Spec) -> Any:
    assert spec.dialect is not None
    importlib.import_module(str(spec.dialect.of).partition(".")[0])
    return native_class(spec)


OURS = {
    # foreach, capturable and kin are the framework's; optax's decorators take spec names without showing them.
    "torch": {"foreach", "maximize", "capturable", "differentiable", "fused"},
    "jax": {"mask", "slot_dtype", "mu_dtype", "accumulator_dtype"},
    "tensorflow": set(),
}
"""Arguments that a generated class has whether or not its original has them."""


@pytest.mark.parametrize("name", dialects())
def test_what_is_built_has_the_name_and_the_arguments_of_its_original(name: str) -> None:
    spec = adaspec.load(name)
    target = str(home(spec))
    built, theirs = adaspec.build(spec, target), original(spec)
    assert spec.dialect is not None and built.__name__ == str(spec.dialect.of).rpartition(".")[2]
    ours = inspect.signature(built).parameters.keys() - OURS[target]
    assert ours <= inspect.signature(theirs).parameters.keys()


@pytest.mark.parametrize("name", dialects())
def test_other_words_mean_the_same(name: str) -> None:
    """The rule in its original's words, interpreted, is the rule."""
    spec = adaspec.load(name)
    target = str(home(spec))
    there = spoken(spec, target)
    rng = np.random.default_rng(SEED)
    shapes = ((4, 3), (6, 5)) if "muon" in name else SHAPES
    start = [rng.normal(size=shape) for shape in shapes]
    grads = [[rng.normal(size=shape) for shape in shapes] for _ in range(STEPS)]
    trajectories = []
    for each in (spec.laid_out(target), there):
        opt = adaspec.interpret(each)
        params, state = start, opt.init(start)
        for g in grads:
            given = {i.name: 1.0 if i.scalar else g for i in spec.rule.inputs}
            params, state = opt.step(params, g, state, **given)
        trajectories.append((params, state))
    (left, before), (right, after) = trajectories
    np.testing.assert_equal(left, right)
    slots = renamed(spec, target)
    for path, kept in before.slots.items():
        for slot, value in kept.items():
            np.testing.assert_equal(after.slots[path][slots[slot]], value)
    assert there.hash == spec.hash


def test_elsewhere_the_names_are_the_rules_own() -> None:
    spec = adaspec.load("rmsprop:torch")
    assert spoken(spec, "jax").rule == spec.laid_out("jax").rule
    assert not words(spec, "numpy")
    opt = adaspec.build(spec, "numpy")(decay=0.9)
    assert opt.decay == 0.9


# torch


def model(spec: adaspec.Spec) -> list[Any]:
    import torch

    shapes = SHAPES[:2] if "muon" in spec.name else SHAPES
    generator = torch.Generator().manual_seed(SEED)
    return [torch.nn.Parameter(torch.randn(s, generator=generator, dtype=torch.float64)) for s in shapes]


def train(optimizer: Any, params: list[Any], steps: range) -> None:
    import torch

    for t in steps:
        generator = torch.Generator().manual_seed(100 + t)
        for p in params:
            p.grad = torch.randn(p.shape, generator=generator, dtype=p.dtype)
        optimizer.step()


def moved(source: list[Any], target: list[Any]) -> None:
    for p, q in zip(source, target, strict=True):
        q.data.copy_(p.data)


UNLIKE = {
    "adafactor:torch": "its statistics keep the axis that they lack here; eps1 is None, the epsilon of the dtype",
    "sparse_adam:torch": "takes sparse gradients alone",
    "muon:torch": "multiplies in bfloat16",
}
"""Originals whose state dict is not taken as it stands, and why."""


@pytest.mark.parametrize("name", [n for n in of("torch") if n not in UNLIKE])
@pytest.mark.filterwarnings("ignore:.*default_dtype.*")
def test_state_dicts_go_over_and_back(name: str) -> None:
    """The original, 5 steps on; then ours by its state dict; then the original again: one trajectory."""
    import torch

    spec = adaspec.load(name)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # what the originals keep their scalars in
    try:
        alone, first, second, third = (model(spec) for _ in range(4))
        theirs, ours = original(spec), adaspec.build(spec, "torch")
        lr = {"lr": 0.01}
        one, a, b, c = theirs(alone, **lr), theirs(first, **lr), ours(second, **lr), theirs(third, **lr)
        train(one, alone, range(15))
        train(a, first, range(5))
        moved(first, second)
        b.load_state_dict(a.state_dict())
        train(b, second, range(5, 10))
        moved(second, third)
        c.load_state_dict(b.state_dict())
        train(c, third, range(10, 15))
    finally:
        torch.set_default_dtype(before)
    for p, q in zip(alone, third, strict=True):
        torch.testing.assert_close(p, q, rtol=1e-12, atol=1e-14)


HOSTILE = '''
"""Bad: words that a class needs for itself. Example, 2026."""
def bad(x: Param, g: Grad, m: Slot = zeros, *, lr: Rate = 1e-3, mu: Decay = 0.9, eps: Rate = 0.0):
    m = mu * m + g
    x = x - lr * m / (1 + eps)
    return x, m
'''


@pytest.mark.parametrize("target", ["torch", "jax", "tensorflow"])
@pytest.mark.parametrize("word", ["self", "params", "step", "math", "super", "learning_rate", "state", "m", "g", "x"])
def test_words_that_a_framework_needs_break_nothing(word: str, target: str) -> None:
    """Such a word is spelt otherwise: what is built runs, and means the same."""
    original = {"torch": "torch.optim.SGD", "jax": "optax.sgd", "tensorflow": "keras.optimizers.SGD"}[target]
    table = f'dialects = {{"bad:one": dict(of="{original}", names=dict(mu="{word}", m="{word}"))}}'
    spec = adaspec.parse(HOSTILE + "\n" + table)
    spec = replace(spec, dialect=spec.rule.dialects[0])
    compile(adaspec.export(spec, target), "<generated>", "exec")
    there = spoken(spec, target)
    params, grads = [np.ones(3)], [np.full(3, 0.5)]
    results = []
    for each in (spec, there):
        opt = adaspec.interpret(each)
        found, state = opt.step(params, grads, opt.init(params))
        results.append(opt.step(found, grads, state)[0])
    np.testing.assert_equal(*results)
