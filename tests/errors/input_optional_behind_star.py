"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, *, h: Optional[Input] = None, lr: Rate = 1e-3):
    x = x - lr * g
    return x
