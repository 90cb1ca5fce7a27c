"""The values that a hyperparameter may begin with: in a signature, in a dialect, in `spec.replace`."""

from __future__ import annotations

from . import ir
from .errors import SpecError
from .vocabulary import KINDS


def check_default(name: str, kind: str, optional: bool, value: object, at: ir.Span) -> None:
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
    if not right or not domain.holds(float(value)):  # type: ignore[arg-type]
        none = " or None" if optional else ""
        hint = f"{name}=None needs the kind Optional[{kind}]" if value is None else f"a value in {domain.text}{none}"
        raise SpecError(
            f"the default of '{name}' is {value!r}, outside its domain {kind}: {domain.text}{none}", at, hint
        )
