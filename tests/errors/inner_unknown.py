"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, t: Step, *, inner: Rule = "lamp"):
    x = inner(x, g, t)
    return x
