"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, m: Slot = zeros, *, lr: Rate = 1e-3):
    x = x - lr * take(g, argsort(sum(g, keep=0)), axis=-2)
    return x, m
