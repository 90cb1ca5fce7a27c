"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, t: Step, *, lr: Rate = 1e-3, beta1: Rate = 0.9):
    x = lamb(x, beta1 * g, t, lr=lr)
    return x
