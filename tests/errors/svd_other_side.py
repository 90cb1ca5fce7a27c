"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, m: Slot = zeros.cut(-1, "rank"), *, lr: Rate = 1e-3, rank: Count = 4):
    _, _, m = svd(g, rank)
    x = x - lr * norm(m) * g
    return x, m
