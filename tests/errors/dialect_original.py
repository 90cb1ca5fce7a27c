"""Bad: a dialect whose original is no dotted name. Example, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, *, lr: Rate = 1e-3):
    x = x - lr * g
    return x


dialects = {"bad:torch": dict(of="os.system('x')", lr=1e-2)}
