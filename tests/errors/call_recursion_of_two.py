"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def ping(a: Array):
    return pong(a) / 2


def pong(a: Array):
    return ping(a) / 2


def bad(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 1e-3, beta: Decay = 0.9):
    x = x - lr * ping(g)
    return x, m
