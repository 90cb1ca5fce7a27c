"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, h: Input, m: Slot = zeros, *, lr: Rate = 1e-3, beta: Decay = 0.9):
    g = g * h
    m = beta * m + g
    x = x - lr * m
    return x, m


@view("ahead")
def ahead(x: Param, h: Input):
    return x - h
