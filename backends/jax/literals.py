"""Numbers as people write them."""

from __future__ import annotations

from decimal import Decimal


def number(value: float | int | bool | None) -> str:
    """A literal as people write it: 1e-3, not 0.001."""
    if isinstance(value, float) and (0 < abs(value) < 0.01 or abs(value) >= 1e16):
        return format(Decimal(repr(value)), "e")
    return repr(value)
