"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, m: Slot = zeros.scalar, *, lr: Rate = 1e-3, beta: Decay = 0.9, grow: Positive = 1e-2):
    m = (1 + grow) * m + norm(g)
    x = x - lr * g * m * beta
    return x, m
