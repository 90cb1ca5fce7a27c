"""Bad: an example. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, *, lr: Rate = 0.1):
    x = x - lr * g / fan_in(norm(g, keep=0))
    return x
