"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, t: Step, lamb_m: Slot = zeros, *, lr: Rate = 1e-3):
    lamb_m = g
    x = lamb(x, lamb_m, t, lr=lr)
    return x, lamb_m
