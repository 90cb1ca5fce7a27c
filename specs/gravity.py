"""Gravity: A Kinematic Approach on Optimization in Deep Learning. Bahrami & Zadeh, 2021. arXiv:2101.09192"""

from adaspec.lang import *


def gravity(x: Param, g: Grad, t: Step, v: Slot = zeros, *, lr: Rate = 0.01, beta: Decay = 0.9):
    # The velocity begins at rest here; the paper draws it from a normal distribution.
    b = (beta * t + 1) / (t + 2)
    v = b * v + (1 - b) * g / (1 + (g * max(abs(g))) ** 2)
    x = x - lr * v
    return x, v
