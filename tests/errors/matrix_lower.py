"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, m: Slot = zeros, *, lr: Rate = 1e-3):
    y = solve_triangular(g @ g.T, g, lower=1)
    x = x - lr * y
    return x, m
