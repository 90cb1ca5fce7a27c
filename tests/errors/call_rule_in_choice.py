"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, t: Step, *, lr: Rate = 1e-3, big: Flag = False):
    x = lamb(x, g, t) if big else x - lr * g
    return x
