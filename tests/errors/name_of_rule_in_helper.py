"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def scaled(a: Array):
    return lr * a


def bad(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 1e-3, beta: Decay = 0.9):
    x = x - scaled(g)
    return x, m
