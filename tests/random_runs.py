"""Hold a target against the interpreter on one spec: parameters, slots, shared scalars and views, in float64."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import numpy as np

import adaspec
from adaspec.verification import relative

SHAPES = ((), (5,), (4, 3), (2, 3, 4), (3, 4))
BOUND = 1e-11
"""Random rules condition worse than the library's."""
STEPS = 5


def inputs(spec: Any, steps: int = STEPS) -> tuple[list[Any], list[list[Any]]]:
    """Parameters of every shape that the rule takes, and their gradients."""
    rng = np.random.default_rng(7)
    shapes = []
    for shape in SHAPES:
        try:
            spec.check_shape(shape)
        except ValueError:
            continue
        shapes.append(shape)
    draw = lambda: [np.asarray(rng.normal(size=s)) for s in shapes]  # noqa: E731
    return draw(), [draw() for _ in range(steps)]


def meaning(spec: Any, params: list[Any], grads: list[list[Any]]) -> tuple[list[list[Any]], Any]:
    """The parameters after each step, and the last state."""
    opt = adaspec.interpret(spec)
    state, out = opt.init(params), []
    for g in grads:
        params, state = opt.step(params, g, state)
        out.append([np.asarray(p) for p in params])
    return out, state


def worst(found: list[list[Any]], wanted: list[list[Any]]) -> float:
    pairs = [(a, b) for f, w in zip(found, wanted, strict=True) for a, b in zip(f, w, strict=True)]
    return max((relative(np.asarray(a), b) for a, b in pairs), default=0.0)


def steady(spec: Any) -> bool:
    """Whether the rule stays finite and forgets a rounding of its inputs: only then a difference means anything."""
    params, grads = inputs(spec)
    out, state = meaning(spec, params, grads)
    if not params or not all(np.isfinite(p).all() and np.abs(p).max() < 1e9 for ps in out for p in ps):
        return False
    if not all(np.isfinite(v).all() for slots in state.slots.values() for v in slots.values()):
        return False
    rng = np.random.default_rng(1)
    nudge = lambda a: np.asarray(a * (1 + 1e-14 * rng.choice([-1, 1], size=a.shape)))  # noqa: E731
    moved, _ = meaning(spec, [nudge(p) for p in params], [[nudge(g) for g in gs] for gs in grads])
    return worst(moved, out) < 1e-12


def difference(spec: Any, target: str, mode: str = "eager") -> float:
    """The largest relative difference of a free run, of parameters and of what views say at its end."""
    params, grads = inputs(spec)
    session = importlib.import_module(f"adaspec.backends.{target}.session").Session
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = session(adaspec.build(spec, target), params, "float64", mode)
        wanted, state = meaning(spec, params, grads)
        try:
            error = worst([run.step(g) for g in grads], wanted)
            for name in spec.views:
                view = [np.asarray(v) for v in adaspec.interpret(spec).view(name, wanted[-1], state)]
                error = max(error, worst([viewed(run, target, name)], [view]))
        finally:
            run.close()
    return error


def viewed(run: Any, target: str, name: str) -> list[Any]:
    """What the running optimizer's view says."""
    opt: Any = getattr(run, "optimizer", None)
    if target == "numpy":
        return [np.array(v) for v in opt.view(name, run.params, run.state)]
    if target == "jax":
        with run.scope():
            return [np.array(v) for v in run.transformation.view(name, run.params, run.state)]
    if target == "torch":
        with opt.view(name):
            return [p.detach().numpy().copy() for p in run.params]
    opt.swap_view(name)
    out = [np.array(p.numpy()) for p in run.params]
    opt.swap_view(name)
    return out
