"""Beginner: begins with a hyperparameter that it lacks. Example, 2026."""

from adaspec.lang import *


def beginner(x: Param, g: Grad, s: Slot = full("rate"), *, lr: Rate = 0.1):
    x = x - s * lr * g
    return x, s
