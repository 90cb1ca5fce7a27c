"""Bad: state that the original is said not to have. Example, 2026."""

from adaspec.lang import *


def bad(x: Param, g: Grad, m: Slot = zeros, *, lr: Rate = 1e-3, mu: Optional[Decay] = None):
    m = (0.9 if mu is None else mu) * m + g
    x = x - lr * m
    return x, m


dialects = {"bad:torch": dict(of="torch.optim.SGD", names=dict(m=None))}
