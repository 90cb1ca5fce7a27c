"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 1e-3, nesterov: Flag = True):
    if nesterov == True:
        x = x - lr * g
    return x, m
