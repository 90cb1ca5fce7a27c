"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 1e-3, steps: Count = 2):
    for _ in range(steps):
        u = g
    x = x - lr * u
    return x, m
