"""Bad: an example. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, a: Slot = per_axis(zeros.only), *, a_1: Rate = 0.1):
    x = x - a_1 * g
    return x, a
