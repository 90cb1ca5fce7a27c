"""The words of the language in torch, for a rule as somebody types it there: see `naive`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch


def _unary(name: str) -> Callable[[Any], Any]:
    ours, theirs = getattr(math, name, None), getattr(torch, name)
    return lambda a: theirs(a) if isinstance(a, torch.Tensor) or ours is None else ours(a)


def _sign(a: Any) -> Any:
    return torch.sign(a) if isinstance(a, torch.Tensor) else math.copysign(1.0, a) if a else 0.0


def _abs(a: Any) -> Any:
    return torch.abs(a) if isinstance(a, torch.Tensor) else math.fabs(a)


def _minimum(a: Any, b: Any) -> Any:
    return _of_two(a, b, torch.minimum, min, lambda t, number: t.clamp(max=number))


def _maximum(a: Any, b: Any) -> Any:
    return _of_two(a, b, torch.maximum, max, lambda t, number: t.clamp(min=number))


def _of_two(a: Any, b: Any, both: Any, neither: Any, one: Any) -> Any:
    tensors = isinstance(a, torch.Tensor), isinstance(b, torch.Tensor)
    if all(tensors):
        return both(a, b)
    return neither(a, b) if not any(tensors) else one(a, b) if tensors[0] else one(b, a)


def _where(test: Any, then: Any, otherwise: Any) -> Any:
    if isinstance(test, bool):
        return then if test else otherwise
    return torch.where(test, then, otherwise)


def _along(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda a, axis=None: function(a) if axis is None else function(a, dim=axis)


KNOWN: dict[str, Callable[..., Any]] = {
    **{name: _unary(name) for name in ("sqrt", "exp", "expm1", "log", "log1p", "tanh", "floor")},
    "abs": _abs,
    "sign": _sign,
    "rsqrt": lambda a: torch.rsqrt(a) if isinstance(a, torch.Tensor) else 1 / math.sqrt(a),
    "minimum": _minimum,
    "maximum": _maximum,
    "where": _where,
    "clip": lambda a, low, high: _minimum(_maximum(a, low), high),
    "sum": _along(torch.sum),
    "mean": _along(torch.mean),
    "max": _along(torch.amax),
    "norm": _along(torch.linalg.vector_norm),
    "rms": lambda a, axis=None: torch.sqrt((a * a).mean() if axis is None else (a * a).mean(dim=axis)),
}
