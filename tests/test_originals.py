"""The rules against the optimizers they are named after, as installed, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from first_originals import DIFFERENT, EQUAL, Original
from problem import distance, problem
from reference import reference
from runs import interpreted, referred

HYPERS: dict[str, dict[str, Any]] = {"prodigy": {"d0": 1e-2}}


def each(originals: list[Original]) -> Any:
    marked = [pytest.param(o, id=str(o), marks=getattr(pytest.mark, f"needs_{o.needs}")) for o in originals]
    return pytest.mark.parametrize("original", marked)


def all_hypers(original: Original) -> dict[str, Any]:
    return reference(original.rule).hypers | HYPERS.get(original.rule, {}) | original.hypers


@each(EQUAL)
def test_the_rule_is_its_original(original: Original) -> None:
    hypers = all_hypers(original)
    params, grads = problem(original.rule)
    ours = interpreted(original.rule, params, grads, **hypers)
    equations = referred(original.rule, params, grads, **hypers)
    for theirs, rule, equation in zip(original.run(params, grads, hypers), ours, equations, strict=True):
        assert all(x.dtype == np.float64 for x in theirs)
        assert distance(equation, theirs) <= original.tolerance
        assert distance(rule, theirs) <= original.tolerance


@each(DIFFERENT)
def test_a_difference_that_is_explained_is_there(original: Original) -> None:
    """Should it vanish one day, the explanation is out of date. Small gradients show where an epsilon stands."""
    hypers = all_hypers(original)
    params, grads = problem(original.rule, scale=1e-4)
    theirs = list(original.run(params, grads, hypers))
    ours = list(interpreted(original.rule, params, grads, **hypers))
    moved = max(np.max(np.abs(a - b)) for a, b in zip(ours[-1], params, strict=True))
    apart = max(np.max(np.abs(a - b)) for a, b in zip(ours[-1], theirs[-1], strict=True))
    assert apart > 0.001 * moved, original.because


@pytest.mark.needs_jax
def test_schedule_free_evaluates_where_optax_does() -> None:
    import adaspec
    from first_originals import b1_b2, optax_run

    opt = adaspec.interpret("schedule_free")
    params, grads = problem("schedule_free")
    make = lambda o, h: o.contrib.schedule_free_adamw(**b1_b2(h))  # noqa: E731
    averages = optax_run(make, lambda o, state, x: o.contrib.schedule_free_eval_params(state, x))
    state = opt.init(params)
    for g, average in zip(grads, averages(params, grads, reference("schedule_free").hypers), strict=True):
        params, state = opt.step(params, g, state)
        assert distance(opt.view("eval", params, state), average) <= 1e-9


@pytest.mark.needs_jax
def test_prodigy_was_compared_while_its_estimate_grew() -> None:
    """A run in which d stays d0 would compare Adam with Adam."""
    params, grads = problem("prodigy")
    state = reference("prodigy").init(params, **HYPERS["prodigy"])
    for g in grads:
        params = reference("prodigy").step(params, g, state)
    assert state.model.growth > 2
