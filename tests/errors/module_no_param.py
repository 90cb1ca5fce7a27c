"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(g: Grad, m: Slot = zeros):
    m = g
    return m
