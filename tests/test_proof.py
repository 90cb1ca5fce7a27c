"""Every rule and dialect that names an installed original is that original, in float64, over 50 steps."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import adaspec
from adaspec.index import dialects as hosts_of_dialects
from adaspec.library import VERSIONS, equals
from originals import ORIGINALS, REFERRED, Original, Trial, distances, trials

ROOT = Path(__file__).parents[1]
NEEDS = {"torch": "needs_torch", "optax": "needs_jax", "keras": "needs_tensorflow"}
ENTRIES = [*REFERRED.values(), *ORIGINALS]
CHEAP = ("reference", "torch", "keras", "optax")
"""The frameworks by what a trial costs: the last two compile."""


@cache
def _trials(entry: int) -> list[Trial]:
    return trials(ENTRIES[entry])


def cases() -> list[Any]:
    """Every trial of every original. A plain run makes one of every spec, the one with drawn values; the proof, all."""
    found = []
    ranked = sorted(range(len(ENTRIES)), key=lambda i: CHEAP.index(ENTRIES[i].framework), reverse=True)
    cheapest = {hosts_of_dialects().get(ENTRIES[i].name, ENTRIES[i].name): i for i in ranked}
    for i, entry in enumerate(ENTRIES):
        for trial in _trials(i):
            plain = trial.label == "drawn" and i in cheapest.values()
            marks = [] if plain else [pytest.mark.prove]
            marks += [getattr(pytest.mark, NEEDS[entry.framework])] if entry.framework in NEEDS else []
            found.append(pytest.param(entry, trial, id=f"{entry}-{trial.label}", marks=marks))
    return found


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize(("entry", "trial"), cases())
def test_the_dialect_is_its_original(entry: Original, trial: Trial) -> None:
    if entry.library not in (*NEEDS, "reference", "timm"):
        pytest.importorskip(entry.library)
    for t, gap in enumerate(distances(entry, trial), 1):
        assert gap <= entry.tolerance, f"step {t}"


def test_every_dialect_that_names_an_original_is_proven() -> None:
    named = {name for name in hosts_of_dialects() if equals(name)}
    assert named <= {entry.name for entry in ORIGINALS}


def test_the_versions_are_the_installed_ones() -> None:
    """The import name of a library is its distribution's, but for torch-optimi's `optimi`."""
    pinned = dict(re.findall(r"^([\w-]+)==([\d.]+)$", (ROOT / "constraints.txt").read_text(), re.M))
    pinned["optimi"] = pinned["torch-optimi"]
    assert {name: pinned[name] for name in VERSIONS} == VERSIONS


def test_a_looser_tolerance_has_a_reason() -> None:
    for entry in ORIGINALS:
        assert entry.tolerance == 1e-12 or entry.because, str(entry)
        assert adaspec.load(entry.name)
