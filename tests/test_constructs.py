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
    "prodigy": ["step", "beginning", "reduction", "model"],
    "schedule_free": ["step", "beginning", "model", "view"],
}


@pytest.mark.parametrize("name", KNOWN)
def test_the_words_are_those_of_the_rule(name: str) -> None:
    assert constructs(adaspec.load(name)) == KNOWN[name]


def test_every_word_is_used_by_some_rule_and_not_by_all() -> None:
    found = [set(constructs(adaspec.load(name))) for name in rules()]
    for word in CONSTRUCTS:
        assert any(word in words for words in found) and not all(word in words for words in found), word
