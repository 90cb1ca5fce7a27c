"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, t: Step, *, lr: Rate = 1e-3):
    sqrt = g * g
    x = lamb(x, sqrt, t, lr=lr)
    return x
