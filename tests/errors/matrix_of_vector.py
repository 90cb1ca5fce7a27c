"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, m: Slot = zeros, *, lr: Rate = 1e-3):
    q, r = qr(sum(g, axis=-1))
    x = x - lr * q @ g
    return x, m
