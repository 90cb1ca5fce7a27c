"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, t: Step, *, inner: Rule = "a + b + c + d + e + f + g"):
    x = inner(x, g, t)
    return x
