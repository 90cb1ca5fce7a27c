"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, t: Step, *, lr: Rate = 1e-3):
    assert lamb(x, g, t) > 0, "smaller steps"
    x = sgd(x, g, t, lr=lr)
    return x
