"""Bad: an example. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, a: Slot = reshape, *, lr: Rate = 0.1):
    x = x - lr * g
    return x, a
