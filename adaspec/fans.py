"""Layouts: what `fan_in` and `fan_out` are, by where a framework keeps the inputs and outputs of a layer.

torch's weights are [out, in, …], the kernels of JAX, Keras and NumPy […, in, out]. A rule says the words; the checked
rule is read in a layout, in which they are quotients of lengths.
"""

from __future__ import annotations

from typing import Any

from . import ir
from .ir import Binary, Dim, FanIn, FanOut, Size

AXES: dict[str, tuple[int, int]] = {"torch": (1, 0), "jax": (-2, -1)}
"""The axes of the inputs and of the outputs, by layout."""

LAYOUT = "jax"
"""The layout where none is named: that of three of the four targets, and of the interpreter."""


def layout_of(target: str) -> str:
    """The layout of a target's parameters."""
    return "torch" if target == "torch" else LAYOUT


def placed(node: Any, layout: str) -> Any:
    """A node, or a tuple of nodes, with every fan as its quotient: all elements but for those along the other axis."""
    inputs, outputs = AXES[layout]

    def change(part: Any) -> Any:
        match part:
            case FanIn(operand):
                return Binary("/", Size(operand, span=part.span), Dim(operand, outputs, span=part.span), span=part.span)
            case FanOut(operand):
                return Binary("/", Size(operand, span=part.span), Dim(operand, inputs, span=part.span), span=part.span)
        return ir.rebuild(part, change)

    if isinstance(node, tuple):
        new = tuple(change(part) for part in node)
        return new if any(a is not b for a, b in zip(new, node, strict=True)) else node
    return change(node)
