"""Bad: one mistake. Nobody, 2026.

from adaspec.lang import *


def bad(x: Param, g: Grad):
    return x
