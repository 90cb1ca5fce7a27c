"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, h: Optional[Input] = None, m: Slot = zeros, *, lr: Rate = 1e-3, beta: Decay = 0.9):
    g = g * h
    m = beta * m + g
    x = x - lr * m
    return x, m
