"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, h: Optional[Input] = None, m: Slot = zeros, *, lr: Rate = 1e-3, beta: Decay = 0.9):
    there = h is not None
    assert there and x.ndim > 1, "give it"
    m = beta * m + g
    x = x - lr * m
    return x, m
