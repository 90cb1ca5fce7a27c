"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


@schedule
@view("eval")
def half(t: Step):
    return t / 2


def bad(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 1e-3, beta: Decay = 0.9):
    x = x - lr * half(t)
    return x, m
