"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 1e-3, beta: Decay = 0.9, grow: Positive = 1e-6):
    m = (1 + grow) * m + grow * g**2
    x = x - lr * g / sqrt(m + beta)
    return x, m
