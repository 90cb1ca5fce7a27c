"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, *, loss: Input[Scalar], lr: Rate = 1e-3):
    x = x - lr * g * loss
    return x
