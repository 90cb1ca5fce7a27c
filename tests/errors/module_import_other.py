"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


from os import system


def bad(x: Param, g: Grad):
    return x
