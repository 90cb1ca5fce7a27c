"""The equations a second time, in NumPy (tests/reference), as originals of the rules that no library has."""

from __future__ import annotations

from problem import VARIANTS, shapes
from reference import REFERENCES

from .core import Original

REFERRED = {
    name: Original(name, "reference", {}, vary=VARIANTS.get(name, ()), shapes=tuple(shapes(name)), scheduled=False)
    for name in sorted(REFERENCES)
}
