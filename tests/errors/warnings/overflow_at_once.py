"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 1e-3, beta: Decay = 0.9, grow: Positive = 1e300):
    m = (1 + grow) * m + g
    x = x - lr * m * beta
    return x, m
