"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, m: Slot[int8] = zeros, *, lr: Rate = 1e-3, beta: Decay = 0.9):
    x = x - lr * g
    return x, m
