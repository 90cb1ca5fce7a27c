"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 1e-3, seed: Count = 0):
    for _ in range(3):
        x = x - lr * (g + normal())
    return x, m
