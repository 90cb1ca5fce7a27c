"""A wrong rule does not pass: every mutant of every spec is noticed, but for those that are the rule after all."""

from __future__ import annotations

import pytest

import adaspec
from equivalent import EQUIVALENT
from mutants import hosts, mutants, score

SAMPLE = ("adam", "adam_eps_inside", "momentum", "schedule_free")
"""What a plain run looks at: their references need no framework."""


def each() -> list[object]:
    return [pytest.param(n, marks=[] if n in SAMPLE else [pytest.mark.prove]) for n in hosts()]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize("name", each())
def test_wrong_rules_are_noticed(name: str) -> None:
    found = score(name)
    assert found.judged >= 4
    assert not found.alive, "\n".join(found.alive)


@pytest.mark.sampled
@pytest.mark.parametrize("name", sorted(EQUIVALENT))
def test_an_equivalent_mutant_exists_and_has_a_reason(name: str) -> None:
    changes = {m.change for m in mutants(adaspec.load(name))}
    assert set(EQUIVALENT[name]) <= changes
    assert all(len(reason) > 20 for reason in EQUIVALENT[name].values())


def test_mutants_are_many_and_different() -> None:
    found = mutants(adaspec.load("adam"))
    assert len({m.spec.text for m in found}) == len(found) >= 50
    changes = " ".join(m.change for m in found)
    for wrong in ("m = beta2 * m", "beta1**(t + 1)", "g**3", "v = beta2 * v - ", "(v_hat + eps)", "m_hat = m"):
        assert wrong in changes
