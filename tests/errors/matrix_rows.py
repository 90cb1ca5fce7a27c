"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, m: Slot = zeros, *, lr: Rate = 1e-3):
    y = solve_triangular(g @ g.T, g.T)
    x = x - lr * y.T
    return x, m
