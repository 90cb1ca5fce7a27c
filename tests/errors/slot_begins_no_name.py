"""Beginner: begins with a sum. Example, 2026."""

from adaspec.lang import *


def beginner(x: Param, g: Grad, s: Slot = full("2 * lr"), *, lr: Rate = 0.1):
    x = x - s * lr * g
    return x, s
