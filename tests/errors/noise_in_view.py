"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 1e-3, seed: Count = 0):
    x = x - lr * g
    return x, m


@view("eval")
def noisy(x: Param):
    return x + normal()
