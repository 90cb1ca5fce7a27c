"""Bad: an example. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, *, n: Count = 2):
    for i in range(n):
        x = x - i * g
    return x
