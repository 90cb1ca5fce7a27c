"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 1e-3):
    m = g / 2
    x = lamb(x, m, t, lr=lr)
    return x, m, lamb_m, lamb_v
