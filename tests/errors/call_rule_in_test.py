"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, t: Step, *, lr: Rate = 1e-3):
    if sum(lamb(x, g, t)) > lr:
        x = x - lr * g
    return x
