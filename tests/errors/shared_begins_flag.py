"""Beginner: begins with a truth value. Example, 2026."""

from adaspec.lang import *


def beginner(x: Param, g: Grad, s: Shared = "fast", *, lr: Rate = 0.1, fast: Flag = True):
    x = x - s * lr * g
    return x, s
