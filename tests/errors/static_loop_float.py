"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 0.1, steps: Count = 4):
    for _ in range(steps / 2):
        x = x - lr * g
    return x, m
