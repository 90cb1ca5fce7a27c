"""Whether two rules are one optimizer under two names: the same parameters and the same state, step for step.

`adamw` and `adamw:optax` are: the second has a Nesterov form besides, and the first AMSGrad, which both leave off.
It is tried on random gradients of several sizes and shapes, not proven.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from .interpret import Interpreter
from .spec import Spec

STEPS = 12
SHAPES = ((), (3,), (4, 3), (2, 2, 3))
CLOSE = 1e-11
"""Relative; beyond what two ways of writing the same sum leave in float64."""


@lru_cache(maxsize=256)
def same_optimizer(left: Spec, right: Spec) -> bool:
    """Whether two rules, each with its own defaults and both with the same values otherwise, take the same steps."""
    if left.state_hash == right.state_hash:
        return True
    if left.shared or right.shared:
        return False
    if left.rule.inputs or right.rule.inputs:
        return False
    common = {n: _other(v) for n, v in left.defaults.items() if n in right.defaults and not _fixed(left, right, n)}
    return all(_equal(a, b) for a, b in zip(_run(left, common), _run(right, common), strict=True))


def _fixed(left: Spec, right: Spec, name: str) -> bool:
    """Whether a value that both have is left as it is: a flag, a count, None, and what the other takes otherwise."""
    of = left.hypers[name], right.hypers[name]
    return any(h.static or h.default is None for h in of) or of[0].kind != of[1].kind


def _other(value: Any) -> Any:
    """A value of the same kind that nobody has as a default, large enough that where it stands can be seen."""
    return value * 0.83 if value > 1e-4 else 1e-3


def _run(spec: Spec, hypers: dict[str, Any]) -> list[Any]:
    rng = np.random.default_rng(11)
    opt = Interpreter(spec, **hypers)
    params: Any = {str(i): rng.normal(size=shape) for i, shape in enumerate(SHAPES)}
    try:
        state, seen = opt.init(params), []
        for _ in range(STEPS):
            grads = {
                path: rng.normal(size=np.shape(x)) * 10.0 ** rng.uniform(-5, 1, np.shape(x))
                for path, x in params.items()
            }
            params, state = opt.step(params, grads, state)
            kept = {f"{path}.{name}": x for path, slots in state.slots.items() for name, x in slots.items()}
            seen.append(params | kept)
    except (TypeError, ValueError):  # it asserts something that these shapes break
        return [object()]
    return seen


def _equal(left: Any, right: Any) -> bool:
    if not (isinstance(left, dict) and isinstance(right, dict)) or left.keys() != right.keys():
        return False
    pairs = [(left[name], right[name]) for name in left]
    return all(
        np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=CLOSE, atol=CLOSE * float(np.max(np.abs(b), initial=0)))
        for a, b in pairs
    )
