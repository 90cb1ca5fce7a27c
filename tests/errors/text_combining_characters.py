"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad):
    assert x.ndim < 9, 'éá'; x = x - gg
    return x
