"""What `adaspec list` says that a rule uses."""

from __future__ import annotations

import pytest

import adaspec
from adaspec.constructs import CONSTRUCTS, constructs
from sample import rules

KNOWN = {
    "sgd": ["elementwise"],
    "adam": ["step"],
    "adafactor": ["step", "reduction", "axes", "shape"],
    "lamb": ["step", "select", "reduction"],
    "muon": ["reduction", "matrix"],
    "prodigy": ["step", "beginning", "select", "reduction", "model"],
    "schedule_free": ["step", "beginning", "select", "model", "view"],
}


@pytest.mark.parametrize("name", KNOWN)
def test_the_words_are_those_of_the_rule(name: str) -> None:
    assert constructs(adaspec.load(name)) == KNOWN[name]


def test_every_word_is_used_by_some_rule_and_not_by_all() -> None:
    """No rule of the library fixes a dtype; that word is tried with a rule of its own."""
    typed = adaspec.parse(adaspec.load("momentum").text.replace("m: Slot", "m: Slot[float32]"))
    found = [set(constructs(spec)) for spec in (typed, *map(adaspec.load, rules()))]
    for word in CONSTRUCTS:
        assert any(word in words for words in found) and not all(word in words for words in found), word
