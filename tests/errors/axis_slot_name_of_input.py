"""Bad: an example. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, a_0: Input, a: Slot = per_axis(zeros.only), *, lr: Rate = 0.1):
    for i in range(x.ndim):
        a[i] = mean(g**2, keep=i)
        g = g / spread(a[i], i)
    x = x - lr * g * a_0
    return x, a
