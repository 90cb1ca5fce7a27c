"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, t: Step, *, lr: Rate = 1e-3):
    x = lamb(x, g, t, lr=lr, beta_1=0.9)
    return x
