"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def both(m: Array, v: Array, g: Array, beta: Decay):
    return beta * m + (1 - beta) * g, beta * v + (1 - beta) * g**2


def bad(x: Param, g: Grad, m: Slot = zeros, v: Slot = zeros, *, lr: Rate = 1e-3, beta: Decay = 0.9):
    m, v, u = both(m, v, g, beta)
    x = x - lr * u
    return x, m, v
