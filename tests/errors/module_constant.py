"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


EPS = 1e-8


def bad(x: Param, g: Grad):
    x = x - EPS * g
    return x
