"""Rules that travel between targets: runs to save in their middle, and what a refused load must leave alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec import statefile
from adaspec.portable import PortableState
from travellers import SHAPES, TRAVELLERS, Arrays, Traveller

ODD = '''
"""Odd: names that targets use for their own things. arXiv:0"""
def odd(x: Param, g: Grad, t: Step, step: Slot = zeros, count: Slot = zeros, iterations: Slot = zeros,
        state: Shared = 0.0, shared: Shared = 1.0, *, lr: Rate = 1e-2):
    step = 0.9 * step + g / t
    count = count + g**2
    iterations = 0.5 * iterations + step
    state = state + lr * t
    shared = shared + total(sum(g**2))
    x = x - lr * iterations / (sqrt(count) + state + 1 / shared)
    return x, step, count, iterations, state, shared
'''
NARROW = '''
"""Narrow: a slot of bfloat16. arXiv:0"""
def narrow(x: Param, g: Grad, m: Slot[bfloat16] = zeros, v: Slot = first_grad, *, lr: Rate = 1e-2):
    m = 0.9 * m + 0.1 * g
    v = 0.9 * v + 0.1 * g
    x = x - lr * (m + v)
    return x, m, v
'''
OWN = {"odd": ODD, "narrow": NARROW}
RULES = ["adam", "adamw", "momentum", "rmsprop", "adafactor", "lion", "adax", "prodigy", "schedule_free", "sm3", "odd"]
"""Among them: sums over the model, Shareds, views, slots that some parameters lack and slots of one axis."""

FRAMES = {"torch": pytest.mark.needs_torch, "jax": pytest.mark.needs_jax, "tensorflow": pytest.mark.needs_tensorflow}
TARGETS = ["numpy", "torch", "jax", "tensorflow"]


def marked(targets: tuple[str, ...] | str) -> Any:
    names = (targets,) if isinstance(targets, str) else targets
    return pytest.param(*names, marks=[FRAMES[t] for t in names if t in FRAMES])


PAIRS = [marked(pair) for pair in permutations(TARGETS, 2)]
EVERY = [marked(t) for t in TRAVELLERS]


def rule(name: str) -> adaspec.Spec:
    return adaspec.parse(OWN[name]) if name in OWN else adaspec.load(name)


def values(steps: int, seed: int = 0) -> tuple[Arrays, list[Arrays]]:
    """Parameters, and gradients about a lasting direction."""
    rng = np.random.default_rng(seed)
    params = {path: rng.normal(size=shape) for path, shape in SHAPES.items()}
    means = {path: rng.normal(size=shape) for path, shape in SHAPES.items()}
    grads = [{p: np.asarray(mean + rng.normal(size=mean.shape)) for p, mean in means.items()} for _ in range(steps)]
    return params, grads


def run(traveller: Traveller, grads: list[Arrays]) -> None:
    for g in grads:
        traveller.step(g)


def distance(found: Traveller, wanted: Traveller) -> float:
    rows = zip(found.params().items(), wanted.params().values(), strict=True)
    return max(
        float(np.max(np.abs(a - b), initial=0) / np.max(np.abs(b), initial=1e-300))
        for (_, a), b in rows
    )  # fmt: skip


def moved(old: Traveller, target: str, file: Path, **options: Any) -> Traveller:
    """The same run on another target: its parameters as they are, its state by the file."""
    old.save(file)
    new = TRAVELLERS[target](old.spec, old.params(), old.dtype, **old.hypers)
    new.load(file, **options)
    return new


Change = Callable[[PortableState], PortableState]


def steps_of(name: str, target: str, dtype: str = "float64") -> Traveller:
    params, grads = values(3, seed=1)
    found = TRAVELLERS[target](rule(name), params, dtype)
    run(found, grads)
    return found


@cache
def standing(name: str, target: str) -> Traveller:
    """One that has run, for loads that change nothing."""
    return steps_of(name, target)


def refused(there: Traveller, file: Path, message: str, **options: Any) -> str:
    """The error of a load that changes nothing."""

    def everything() -> Any:
        return there.held(), there.counts(), {p: a.tobytes() for p, a in there.params().items()}

    before = everything()
    with pytest.raises(ValueError, match=message) as error:
        there.load(file, **options)
    assert everything() == before
    return str(error.value)


def written(file: Path, name: str, change: Change) -> None:
    """A whole file with a whole digest, of a state that never was."""
    standing(name, "numpy").save(file)
    state = statefile.decoded(file.read_bytes(), "").state
    file.write_bytes(statefile.encoded(rule(name), "numpy", change(state)))
