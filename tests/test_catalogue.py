"""The generated pages say what the library is now, and what was measured is within what is promised."""

from __future__ import annotations

import json

import pytest

import adaspec
from adaspec.library import equals
from catalogue import CATALOGUE, FAMILIES, MEASURED, SAME_NAME, catalogue, moves, same_name
from originals import ORIGINALS

AGAIN = "make catalogue writes it anew"
MEASUREMENTS: dict[str, float] = json.loads(MEASURED.read_text(encoding="utf-8"))


def test_the_catalogue_is_the_library() -> None:
    assert CATALOGUE.read_text(encoding="utf-8") == catalogue(MEASUREMENTS), AGAIN


def test_the_first_steps_are_those_shown() -> None:
    assert SAME_NAME.read_text(encoding="utf-8") == same_name(), AGAIN


def test_every_proven_dialect_was_measured_within_its_tolerance() -> None:
    assert set(MEASUREMENTS) == {entry.name for entry in ORIGINALS}, AGAIN
    for entry in ORIGINALS:
        assert MEASUREMENTS[entry.name] <= max(e.tolerance for e in ORIGINALS if e.name == entry.name)
    assert {name for name in adaspec.names() if ":" in name and equals(name)} <= set(MEASUREMENTS)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_name_is_not_the_same_optimizer(family: str) -> None:
    """Of every family shown, two dialects given the same hyperparameters part; else the page would say nothing."""
    names = [name for name in adaspec.names() if name.startswith(f"{family}:")]
    paths = []
    for name in names:
        known = adaspec.load(name).hypers
        paths.append(moves(name, {k: v for k, v in FAMILIES[family].items() if k in known}))
    assert len(names) >= 2
    assert any(abs(a[-1] - paths[0][-1]).max() > 1e-4 * abs(paths[0][-1]).max() for a in paths[1:])
