"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, m: Slot = zeros, *, lr: Rate = 1e-3):
    p = argsort(sum(g, axis=-1))
    x = x - lr * take(g, p, axis=-2)
    return x, m
