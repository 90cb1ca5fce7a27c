"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, *, lr: Rate = 1e-3):
    assert x.ndim < 9, '学習率 β₂'; x = x - gg
    return x
