"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 1e-3, beta: Decay = 0.9):
    m = beta * m + g
    x = x - lr * m
    return x, m


@view("ahead")
def ahead(x: Param, g: Grad):
    n = 1.0
    if x.ndim > 1:
        n = total(sum(g))
    return x / n
