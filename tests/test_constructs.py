"""What `adaspec list` says that a rule uses."""

from __future__ import annotations

import pytest

import adaspec
from adaspec.constructs import CONSTRUCTS, constructs
from adaspec.library import rules

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


BRANCH = """\"\"\"Odd: a rule with one branch. Example, 2026.\"\"\"

from adaspec.lang import *


def odd(x: Param, g: Grad, t: Step, *, lr: Rate = 0.1, k: Count = 3, signed: Flag = False):
    fact = signed and k > 2
    elements = total(x.size)
    if {test}:
        g = 2 * g
    x = x - lr * g
    return x
"""


@pytest.mark.parametrize(
    ("test", "words"),
    [
        ("fact", ["model"]),
        ("k % 2 == 0", ["model"]),
        ("x.ndim == 2", ["shape", "model"]),
        ("t % k == 0", ["step", "branch", "model"]),
        ("lr > 0.5", ["branch", "model"]),
        ("elements > 1000", ["branch", "model"]),
    ],
)
def test_a_branch_on_a_number_is_a_branch_and_one_on_a_fact_is_not(test: str, words: list[str]) -> None:
    assert constructs(adaspec.parse(BRANCH.replace("{test}", test))) == words


def test_every_word_is_used_by_some_rule_and_not_by_all() -> None:
    """No rule of the library fixes a dtype; that word is tried with a rule of its own."""
    typed = adaspec.parse(adaspec.load("momentum").text.replace("m: Slot", "m: Slot[float32]"))
    found = [set(constructs(spec)) for spec in (typed, *map(adaspec.load, rules()))]
    for word in CONSTRUCTS:
        assert any(word in words for words in found) and not all(word in words for words in found), word
