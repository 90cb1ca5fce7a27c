"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def half(a: Array, b: Scalar):
    return a / 2 * b


def bad(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 1e-3, beta: Decay = 0.9):
    x = x - half(g, c=1)
    return x, m
