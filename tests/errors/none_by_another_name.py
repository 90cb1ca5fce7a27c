"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 1e-3, limit: Optional[Positive] = None):
    c = limit
    if c is not None:
        g = clip(g, -c, c)
    x = x - lr * g
    return x, m
