"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad):
    x = x - g
    return x


dialects = {"sgd:torch": dict(lr=1e-3)}
