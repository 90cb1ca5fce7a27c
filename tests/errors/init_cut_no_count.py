"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, m: Slot = zeros.cut(-1, "lr"), *, lr: Rate = 1e-3, rank: Count = 4):
    x = x - lr * g
    return x, m
