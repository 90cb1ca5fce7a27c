"""Beginner: begins with what may be None. Example, 2026."""

from adaspec.lang import *


def beginner(x: Param, g: Grad, s: Slot = full("limit").scalar, *, lr: Rate = 0.1, limit: Optional[Rate] = None):
    x = x - s * lr * g
    return x, s
