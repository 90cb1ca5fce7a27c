"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


@schedule
def beta_hat(t: Step, *, beta: Decay):
    return 1 - beta**t


def bad(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 1e-3, beta: Decay = 0.9):
    x = x - beta_hat(t, beta1=beta) * g
    return x, m
