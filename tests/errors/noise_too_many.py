"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 1e-3, seed: Count = 0):
    m = uniform() + uniform() + uniform() + uniform() + uniform() + uniform() + uniform() + uniform() + uniform() + uniform() + uniform() + uniform() + uniform() + uniform() + uniform() + uniform() + uniform() + uniform() + uniform() + uniform()
    m = m + u20()
    m = m + u20()
    m = m + u20()
    m = m + u20()
    m = m + u20()
    m = m + u20()
    m = m + u20()
    m = m + u20()
    m = m + u20()
    m = m + u20()
    m = m + u20()
    m = m + u20()
    m = m + u20()
    x = x - lr * m
    return x, m


def u20():
    return uniform() + uniform() + uniform() + uniform() + uniform() + uniform() + uniform() + uniform() + uniform() + uniform() + uniform() + uniform() + uniform() + uniform() + uniform() + uniform() + uniform() + uniform() + uniform() + uniform()
