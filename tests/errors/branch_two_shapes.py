"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 1e-3, beta: Decay = 0.9):
    if t % 10 == 0:
        u = m
    else:
        u = norm(m)
    m = beta * m + g
    x = x - lr * u
    return x, m
