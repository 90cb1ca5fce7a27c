"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 1e-3, beta: Decay = 0.9):
    m = beta * m + g
    if t % 10 == 0:
        x = x - lr * m / total(norm(m))
    return x, m
