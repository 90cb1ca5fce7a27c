"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, gp: Input = grad_at("ahaed"), m: Slot = zeros, *, lr: Rate = 1e-3, beta: Decay = 0.9):
    g = g + gp
    m = beta * m + g
    x = x - lr * m
    return x, m


@view("ahead")
def ahead(x: Param, m: Slot, beta: Decay):
    return x - beta * m
