"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


@schedule
def beta_hat(t: Step):
    return 1.0 if t < 10 else 0.5


def bad(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 1e-3, beta: Decay = 0.9):
    x = x - beta_hat(t) * g
    return x, m
