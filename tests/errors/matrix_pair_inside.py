"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, m: Slot = zeros, *, lr: Rate = 1e-3):
    q, r = qr(g @ g.T)
    x = x - lr * (q @ qr(r) @ g)
    return x, m
