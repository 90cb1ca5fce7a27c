"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def half(a: Array):
    return a / 2
