"""A rule of the library over a list of gradients, and its schedules over the steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import adaspec
from adaspec.ir import Assign
from adaspec.scalars import evaluate
from problem import Model


def interpreted(rule: str, params: Model, grads: list[Model], **hypers: Any) -> Iterator[Model]:
    """The parameters after each step of the interpreter."""
    opt = adaspec.interpret(rule, **hypers)
    state = opt.init(params)
    for g in grads:
        params, state = opt.step(params, g, state)
        yield params


def scheduled(rule: str, name: str, t: int, **hypers: float) -> float:
    """The value of a schedule of the rule at step t."""
    spec = adaspec.load(rule)
    statements, value = spec.schedule(name)
    (step,) = (a.name for a in spec.schedules[name].arguments if a.kind == "Step")
    env: dict[str, Any] = {step: float(t), **hypers}
    for statement in statements:
        assert isinstance(statement, Assign)
        env[statement.name] = evaluate(statement.value, env)
    result = evaluate(value, env)
    assert isinstance(result, float)
    return result
