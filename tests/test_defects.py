"""Defects of the installed originals are still there: each of these tests fails on the day that one is mended."""

from __future__ import annotations

from typing import Any

import pytest

from adaspec.library import equals
from originals import ORIGINALS, Original, Trial, distances, trials
from originals.defects import DEFECTS, MENDED, Defect

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # heavyball: that its rate may change is new
NEEDS = {"torch": "needs_torch", "optax": "needs_jax", "keras": "needs_tensorflow"}


def needs(entry: Original) -> pytest.MarkDecorator:
    return getattr(pytest.mark, NEEDS[entry.framework])


def cases() -> list[Any]:
    return [pytest.param(d, id=str(d), marks=needs(d.original)) for d in DEFECTS]


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="a defect upstream, which adaspec does not copy")
@pytest.mark.parametrize("defect", cases())
def test_the_original_does_what_its_source_says(defect: Defect) -> None:
    (shown,) = [trial for trial in trials(defect.original) if trial.label == defect.shown]
    agrees(defect.original, shown)


@pytest.mark.parametrize("entry", [pytest.param(e, id=str(e), marks=needs(e)) for e in MENDED])
def test_nothing_else_is_wrong(entry: Original) -> None:
    for trial in trials(entry):
        agrees(entry, trial)


def agrees(entry: Original, trial: Trial) -> None:
    if entry.library not in NEEDS:
        pytest.importorskip(entry.library)
    for t, gap in enumerate(distances(entry, trial), 1):
        assert gap <= entry.tolerance, f"{trial.label}, step {t}"


UNTOUCHED = [d for d in DEFECTS if d.original.backend == "jax" and d.shown == "untouched"]


@pytest.mark.parametrize("defect", UNTOUCHED, ids=str)
def test_a_defect_is_no_original(defect: Defect) -> None:
    """Its dialect names no class, because it equals none; where one backend alone is wrong, it equals the other."""
    assert defect.original.name not in {entry.name for entry in ORIGINALS}
    assert equals(defect.original.name) is None
