"""Small rules written twice: as a spec, and by hand in NumPy."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import adaspec

Array = np.ndarray
HEAD = '"""Mine: an example. Example, 2026."""\n\nfrom adaspec.lang import *\n\n\n'
SHAPES = ((), (5,), (4, 3), (2, 3, 4))


def spec_of(
    body: str, args: str = "m: Slot = zeros", hypers: str = "lr: Rate = 0.5", before: str = "", after: str = ""
) -> adaspec.Spec:
    """A rule of these statements, `;` for a new line; its return is written for it."""
    names = ", ".join(["x", *(a.split(":")[0].strip() for a in args.split(",") if a.strip())])
    lines = "".join(f"    {line}\n" for line in body.replace("; ", "\n").split("\n"))
    signature = ", ".join(
        part for part in ("x: Param, g: Grad, t: Step", args, f"*, {hypers}" if hypers else "") if part
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", adaspec.SpecWarning)
        return adaspec.parse(f"{HEAD}{before}def mine({signature}):\n{lines}    return {names}\n{after}")


def arrays(shapes: tuple[tuple[int, ...], ...] = SHAPES, seed: int = 0) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.normal(size=shape)) for shape in shapes]


def holds(
    spec: adaspec.Spec,
    by_hand: Callable[..., Any],
    shapes: tuple[tuple[int, ...], ...] = SHAPES,
    steps: int = 3,
    **hypers: Any,
) -> None:
    """`by_hand(x, g, t, slots)` changes the dict of slots, which begins empty, and returns the new parameter."""
    opt = adaspec.interpret(spec, **hypers)
    params = arrays(shapes)
    mirror = [p.copy() for p in params]
    state: Any = opt.init(params)
    slots: list[dict[str, Any]] = [{} for _ in params]
    for t in range(1, steps + 1):
        grads = arrays(shapes, seed=t)
        params, state = opt.step(params, grads, state)
        mirror = [np.asarray(by_hand(x, g, t, s)) for x, g, s in zip(mirror, grads, slots, strict=True)]
        for x, y in zip(params, mirror, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-13, atol=1e-13)
    for found, wanted in zip(state.slots.values(), slots, strict=True):
        for name, value in wanted.items():
            np.testing.assert_allclose(found[name], value, rtol=1e-13, atol=1e-13)
