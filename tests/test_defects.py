"""Defects of the installed originals are still there: each of these tests fails on the day that one is mended."""

from __future__ import annotations

from typing import Any

import pytest

from adaspec.library import equals
from originals import ORIGINALS, distance, ours, problem, theirs, trials
from originals.defects import DEFECTS, Defect

NEEDS = {"torch": "needs_torch", "optax": "needs_jax", "keras": "needs_tensorflow"}


def cases() -> list[Any]:
    return [pytest.param(d, id=str(d), marks=getattr(pytest.mark, NEEDS[d.original.framework])) for d in DEFECTS]


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="a defect upstream, which adaspec does not copy")
@pytest.mark.parametrize("defect", cases())
def test_the_original_does_what_its_source_says(defect: Defect) -> None:
    untouched = trials(defect.original)[0]
    start, _ = problem(defect.original, untouched)
    steps = zip(ours(defect.original, untouched), theirs(defect.original, untouched), strict=True)
    for t, (mine, yours) in enumerate(steps, 1):
        assert distance(mine, yours, start) <= defect.original.tolerance, f"step {t}: {defect.wrong}"


@pytest.mark.parametrize("defect", DEFECTS, ids=str)
def test_a_defect_is_no_original(defect: Defect) -> None:
    """Its dialect names no class, because it equals none."""
    assert defect.original.name not in {entry.name for entry in ORIGINALS}
    assert equals(defect.original.name) is None
