"""What a step has to move through memory, whatever computes it: every array of its state read once and written once."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..spec import Spec
from .workloads import Shapes, size

BYTES = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8, "complex64": 8, "complex128": 16}


@dataclass(frozen=True)
class Traffic:
    """`bytes` of one step in place, and how many arrays of a parameter's size its slots are: 2 for Adam."""

    bytes: int
    slots: float
    parameters: int
    """How many numbers the parameters hold."""

    @property
    def per_parameter(self) -> float:
        return self.bytes / max(1, self.parameters)


def traffic(spec: Spec, shapes: Shapes, dtype: str = "float32") -> Traffic:
    """Parameters and slots are read and written, gradients are read. A pass that a reduction needs is not counted."""
    one = BYTES[dtype]
    kept = 0
    for shape in shapes:
        kept += sum(math.prod(s.shape) * BYTES[s.dtype] for s in spec.state(shape, dtype).values())
    numbers = size(shapes)
    return Traffic(3 * one * numbers + 2 * kept, kept / max(1, one * numbers), numbers)
