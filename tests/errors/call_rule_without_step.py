"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, *, lr: Rate = 1e-3):
    x = lamb(x, g, lr=lr)
    return x
