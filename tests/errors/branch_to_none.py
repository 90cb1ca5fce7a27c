"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 1e-3, limit: Optional[Positive] = None):
    bound = lr
    if t % 10 == 0:
        bound = limit
    m = m + g
    x = x - bound * m
    return x, m
