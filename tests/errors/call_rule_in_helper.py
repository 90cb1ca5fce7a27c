"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def half(x, g, t):
    return lamb(x, g, t) / 2


def bad(x: Param, g: Grad, t: Step, *, lr: Rate = 1e-3):
    x = x - lr * half(x, g, t)
    return x
