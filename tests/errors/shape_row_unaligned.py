"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, row: Slot = zeros.without(-1), *, lr: Rate = 1e-3, beta: Decay = 0.9):
    row = beta * row + mean(g**2, axis=-1)
    x = x - lr * g / row
    return x, row
