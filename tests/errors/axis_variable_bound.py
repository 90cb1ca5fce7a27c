"""Bad: an example. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, a: Slot = per_axis(zeros.only), *, lr: Rate = 0.1):
    for i in range(x.ndim):
        i = 2
    x = x - lr * g
    return x, a
