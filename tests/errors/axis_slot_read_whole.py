"""Bad: an example. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, a: Slot = per_axis(zeros.only), *, lr: Rate = 0.1):
    x = x - lr * g * a
    return x, a
