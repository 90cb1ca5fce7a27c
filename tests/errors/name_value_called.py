"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 1e-3, clip: Positive = 1.0):
    x = x - lr * clip(g, -1, 1)
    return x, m
