"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, m: Slot[bfloat16] = first_grad, *, lr: Rate = 1e-3, beta: Decay = 0.9):
    m = beta * m + g
    x = x - lr * m
    return x, m
