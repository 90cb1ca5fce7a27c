"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, m: Slot = zeros, *, lr: Rate = 1e-3, rank: Count = 4):
    u, _, v = svd(sum(g, axis=-1), rank)
    x = x - lr * u @ v
    return x, m
