"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, t: Step, *, inner: Rule = "lamb", lr: Rate = 1e-3):
    inner = lr * g
    x = x - inner
    return x
