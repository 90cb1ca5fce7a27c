"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


class Bad:
    def bad(x: Param, g: Grad):
        return x
