"""Lost: a slot that a branch gives another shape. Nobody, 2026."""

from adaspec.lang import *


def lost(x: Param, g: Grad, col: Slot = zeros.without(-2), full: Slot = zeros, *, lr: Rate = 0.1):
    if x.ndim >= 2:
        col = 0.9 * col + mean(g, axis=-2)
        full = 0.9 * col
    else:
        full = 0.9 * full + g
    x = x - lr * g
    return x, col, full
