"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


# oneline, another one, a thirdone

def bad(x: Param, g: Grad):
    x = x - gg
    return x
