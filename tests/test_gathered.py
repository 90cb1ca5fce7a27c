"""Scalar factors gathered: what is computed once a step, and what stays as it was written."""

from __future__ import annotations

import pytest

import adaspec
from adaspec import ir
from adaspec.gathered import Gatherer, gathered
from adaspec.lower import Subtract, lower
from adaspec.text import expression

RULE = '''
"""R: a rule. Nobody, 2020."""

from adaspec.lang import *


def r(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 1e-3, beta: Decay = 0.9MORE):
    m = beta * m + (1 - beta) * g
BODY
    return x, m
'''


def statements(body: str, more: str = "") -> tuple[list[str], list[str]]:
    """The scalars that gathering adds, and what the rule's body becomes, in the spec's own words."""
    lines = "\n".join(f"    {line}" for line in body.strip("\n").split("\n"))
    before = lower(adaspec.parse(RULE.replace("BODY", lines).replace("MORE", more)))
    (old,), (new,) = before.phases, gathered(before).phases
    assert new.scalars[: len(old.scalars)] == old.scalars
    added = [f"{s.name} = {expression(s.value)}" for s in new.scalars[len(old.scalars) :] if isinstance(s, ir.Assign)]
    values = [s.value for s in ir.walk(new.body) if isinstance(s, ir.Assign | Subtract)]
    return added, [expression(v) for v in values[1:]]


def test_divisors_move_into_one_factor() -> None:
    added, body = statements("u = m / (1 - beta**t)\nx = x - lr * u / (sqrt(abs(m) / (1 - beta**t)) + 1e-8)")
    assert added == ["k1 = 1e-08 * sqrt(c1)", "lr_t = lr * sqrt(c1) / c1"]
    assert body == ["lr_t * m / (sqrt(abs(m)) + k1)"]


def test_what_divides_by_no_number_stays_as_it_is_written() -> None:
    assert statements("x = x - lr * (m * 2 + lr * g) / (abs(m) + 1)") == ([], ["lr * (m * 2 + lr * g) / (abs(m) + 1)"])


def test_a_divisor_that_may_be_0_stays() -> None:
    """What the rule makes of a learning rate of 0 is what it says."""
    assert statements("x = x - m / lr")[0] == []


def test_a_number_known_on_one_side_only_stays_there() -> None:
    """Nothing is computed of a hyperparameter that may be None in front of the test for it."""
    limit = ", limit: Optional[Positive] = None"
    added, body = statements("u = m\nif limit is not None:\n    u = m / limit\nx = x - lr * u", limit)
    assert added == [] and body == ["m", "1 / limit * m", "lr * u"]


@pytest.mark.parametrize("name", ["adam", "ademamix", "lamb", "nadam", "prodigy", "radam", "schedule_free"])
def test_no_array_is_divided_by_a_number(name: str) -> None:
    before = lower(adaspec.load(name))
    after = gathered(before)
    assert after.rule == before.rule and len(after.phases) == len(before.phases)
    for phase in after.phases:
        gatherer = Gatherer(after, {}, set(), set())
        left = [n for n in ir.walk(phase.body) if isinstance(n, ir.Expr) and gatherer.divides(n)]
        assert not left, [expression(n) for n in left]
