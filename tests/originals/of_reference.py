"""The equations a second time, in NumPy (tests/reference), as originals of the rules that no library has."""

from __future__ import annotations

from dataclasses import replace

from problem import VARIANTS, shapes
from reference import REFERENCES

from .core import Original

REFERRED = {
    name: Original(name, "reference", {}, vary=VARIANTS.get(name, ()), shapes=tuple(shapes(name)), scheduled=False)
    for name in sorted(REFERENCES)
}

# Keras has no reading of the weights that its rule averages.
REFERRED["schedule_free_mean, evaluated"] = replace(
    REFERRED["schedule_free_mean"], view="eval", read=lambda state, params: [s.x for s in state.arrays]
)
