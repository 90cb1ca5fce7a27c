"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 1e-3, beta: Decay = 0.9):
    u = 1 * g + 2 * g + 3 * g + 4 * g + 5 * g + 6 * g + 7 * g + 8 * g + 9 * g + 10 * g + 11 * g + 12 * g + 13 * g + 14 * g + 15 * g + 16 * g + 17 * g + 18 * g + 19 * g + 20 * g + 21 * g + 22 * g + 23 * g + 24 * g + 25 * g + 26 * g + 27 * g + 28 * g + 29 * g + 30 * g + 31 * g + 32 * g + 33 * g + 34 * g + 35 * g + 36 * g + 37 * g + 38 * g + 39 * g + gg + 1 * g + 2 * g + 3 * g + 4 * g + 5 * g + 6 * g + 7 * g + 8 * g + 9 * g + 10 * g + 11 * g + 12 * g + 13 * g + 14 * g + 15 * g + 16 * g + 17 * g + 18 * g + 19 * g + 20 * g + 21 * g + 22 * g + 23 * g + 24 * g + 25 * g + 26 * g + 27 * g + 28 * g + 29 * g + 30 * g + 31 * g + 32 * g + 33 * g + 34 * g + 35 * g + 36 * g + 37 * g + 38 * g + 39 * g
    x = x - u
    return x, m
