"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, t: Step):
    if x.ndim == 2:
        x = muon(x, g, t)
    else:
        x = lamb(x, g, t)
    return x
