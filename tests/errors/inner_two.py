"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, t: Step, *, inner: Rule = "lamb", other: Rule = "sgd"):
    x = inner(x, other(x, g, t), t)
    return x
