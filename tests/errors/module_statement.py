"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


print('hello')


def bad(x: Param, g: Grad):
    return x
