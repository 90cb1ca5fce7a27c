"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, t: Step, *, inner: Rule, lr: Rate = 1e-3):
    x = inner(x, lr * g, t)
    return x
