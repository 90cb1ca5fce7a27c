"""Random rules on every target, and those that a random search has found to go wrong, against the interpreter."""

from __future__ import annotations

from typing import Any

import pytest

import adaspec
from adaspec.build import TARGETS as TARGET_NAMES
from random_regressions import FOUND, HEAD
from random_runs import BOUND, difference, steady
from random_specs import parsed, random_text

TARGETS = [
    pytest.param(target, mode, seeds, marks=[getattr(pytest.mark, f"needs_{target}")] if target != "numpy" else [])
    for target, mode, seeds in (
        ("numpy", "eager", range(0, 60)), ("torch", "eager", range(100, 120)), ("torch", "loop", range(130, 138)),
        ("jax", "eager", range(200, 204)), ("tensorflow", "eager", range(300, 306)),
    )
]  # fmt: skip


@pytest.mark.parametrize(("target", "mode", "seeds"), TARGETS)
def test_random_rules(target: str, mode: str, seeds: Any) -> None:
    wrong, measured = {}, 0
    for seed in seeds:
        spec = parsed(random_text(seed))
        if steady(spec):
            measured += 1
            error = difference(spec, target, mode)
            if not error <= BOUND:
                wrong[seed] = error
    assert not wrong
    assert measured > len(seeds) / 2


@pytest.mark.parametrize(("target", "mode"), [pytest.param(*p.values[:2], marks=p.marks) for p in TARGETS])
@pytest.mark.parametrize("name", FOUND)
def test_found_rules(name: str, target: str, mode: str) -> None:
    spec = parsed(HEAD + FOUND[name])
    assert steady(spec)
    assert difference(spec, target, mode) <= BOUND


@pytest.mark.parametrize("seed", range(400, 420))
def test_text_says_the_same(seed: int) -> None:
    """The canonical text parses to the same rule, and an export is the same every time."""
    text = random_text(seed)
    spec = parsed(text)
    again = parsed(spec.text)
    assert again == spec
    for target in TARGET_NAMES:
        assert adaspec.export(again, target) == adaspec.export(parsed(text), target)
