"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


@schedule
def rate(t: Step):
    return mean(uniform()) / t


def bad(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 1e-3, seed: Count = 0):
    x = x - lr * rate(t) * g
    return x, m
