"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, t: Step, *, lr: Rate = 1e-3):
    x = adamm(x, g, t)
    x = x - lr * g
    return x
