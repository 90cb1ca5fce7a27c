"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


@torch.no_grad()
def bad(x: Param, g: Grad):
    return x
