"""The values that a hyperparameter may have: those a spec, a dialect or `spec.replace` gives it, and those of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from . import ir
from .errors import SpecError, suggest
from .vocabulary import KINDS


def check_default(
    name: str, kind: str, optional: bool, value: object, at: ir.Span, what: str = "the default of"
) -> None:
    """A SpecError at `at` unless `value` is one that a hyperparameter of this kind can take."""
    domain = KINDS[kind]
    if value is None and optional:
        return
    if kind == "Flag":
        right = isinstance(value, bool)
    elif kind == "Count":
        right = isinstance(value, int) and not isinstance(value, bool)
    else:
        right = isinstance(value, int | float) and not isinstance(value, bool)
    if not isinstance(value, int | float) or not right or not domain.holds(float(value)):
        none = " or None" if optional else ""
        hint = f"{name}=None needs the kind Optional[{kind}]" if value is None else f"allowed: {domain.text}{none}"
        raise SpecError(f"{what} '{name}' is {value!r}, outside its domain {kind}: {domain.text}{none}", at, hint)


def given(name: str, hypers: Mapping[str, ir.Hyper], values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` as plain numbers; TypeError for a name that the rule `name` does not have."""
    for unknown in values.keys() - hypers.keys():
        hint = suggest(unknown, hypers) or "it has none"
        raise TypeError(f"{name} has no hyperparameter '{unknown}': {hint}")
    return {key: checked(hypers[key], value) for key, value in values.items()}


def checked(hyper: ir.Hyper, value: Any) -> Any:
    """`value` as a plain number, truth value or None; ValueError outside the domain, TypeError for anything else."""
    if value is None and hyper.optional:
        return None
    if hyper.kind == "Flag":
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"Invalid {hyper.name}: {value!r} is not True or False")
        return bool(value)
    if value is None or isinstance(value, str | bytes | bool | np.bool_) or getattr(value, "shape", ()) != ():
        raise TypeError(f"Invalid {hyper.name}: {value!r} is not a number")
    try:
        number = float(value)
    except (TypeError, OverflowError):
        raise TypeError(f"Invalid {hyper.name}: {value!r} is not a number") from None
    if not KINDS[hyper.kind].holds(number):
        raise ValueError(f"Invalid {hyper.name}: {value}, must be in {KINDS[hyper.kind].text}")
    return int(number) if hyper.kind == "Count" else number
