"""Bad: an example. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, *, lr: Rate = 0.1):
    v = norm(g, keep=0)
    x = x - lr * spread(v.T, 0)
    return x
