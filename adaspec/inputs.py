"""What a caller supplies in a step beside the gradients: the inputs that a rule declares, checked and by path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from . import ir, tree
from .complexes import is_complex

Array = Any
Given = Mapping[str, Any]
"""By name: a float, a mapping from paths to arrays, or None for what was left out."""


def given(rule: ir.Rule, values: Mapping[str, Any], params: Mapping[str, Array], grads: Mapping[str, Any]) -> Given:
    """The inputs of a step. `params` and `grads` are leaves by path, an array input is a tree like the parameters.

    TypeError for what is missing or no number; ValueError for a tree or a shape other than the parameters'.
    """
    found: dict[str, Any] = {}
    for i in rule.inputs:
        value = values.get(i.name)
        if value is None and not i.optional:
            raise TypeError(f"{rule.name} needs its input '{i.name}': step(params, grads, state, {i.name}=...)")
        if value is None:
            found[i.name] = None
        else:
            found[i.name] = number(i.name, value) if i.scalar else arrays(i.name, value, params, grads)
    return found


def number(name: str, value: Any) -> float:
    """A number for the model; NaN and infinities pass, since a loss may be one."""
    try:
        if isinstance(value, str | bytes | bool | np.bool_) or getattr(value, "shape", ()) != ():
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"Invalid {name}: {value!r} is not a number") from None


def arrays(name: str, value: Any, params: Mapping[str, Array], grads: Mapping[str, Any]) -> Mapping[str, Any]:
    """An array for every parameter that has a gradient, by path; None may stand for the others."""
    found = tree.leaves(value)
    odd = sorted(found.keys() ^ params.keys())
    if odd:
        where = "params" if odd[0] in params else name
        raise ValueError(f"params and the input '{name}' differ: '{odd[0]}' is in {where} alone")
    for path, x in params.items():
        if found[path] is None:
            if grads[path] is not None:
                raise ValueError(f"the input '{name}' of parameter '{path}' is None, its gradient is not")
        elif tuple(found[path].shape) != tuple(x.shape):
            shapes = f"{tuple(found[path].shape)}, the parameter {tuple(x.shape)}"
            raise ValueError(f"the input '{name}' of parameter '{path}' has shape {shapes}")
        elif is_complex(found[path]) != is_complex(x):
            dtypes = f"{found[path].dtype}, the parameter {x.dtype}: both are real, or both complex"
            raise TypeError(f"the input '{name}' of parameter '{path}' is {dtypes}")
    return found
