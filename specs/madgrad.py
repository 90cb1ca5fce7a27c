"""MADGRAD: Adaptivity without Compromise. Defazio & Jelassi, 2021. arXiv:2101.11075"""

from adaspec.lang import *


def madgrad(
    x: Param,
    g: Grad,
    t: Step,
    x0: Slot = copy,
    s: Slot = zeros,
    v: Slot = zeros,
    *,
    lr: Rate = 1e-2,
    mu: Decay = 0.9,
    eps: Positive = 1e-6,
    weight_decay: Rate = 0.0,
    decoupled: Flag = False,
):
    if not decoupled:
        g = g + weight_decay * x
    rate = (lr + eps) * sqrt(t)
    s = s + rate * g
    v = v + rate * g**2
    z = x0 - s / (v ** (1 / 3) + eps)
    if decoupled:
        x = x - lr * weight_decay * x
    x = x + (1 - mu) * (z - x)
    return x, x0, s, v


dialects = {
    "madgrad:paper": dict(),
    "madgrad:optax": dict(
        of="optax.contrib.madgrad", names=dict(decoupled=None, mu="momentum", s="s", x0="x0", v="grad_sum_sq")
    ),
    "madgrad:timm": dict(of="timm.optim.madgrad.MADGRAD"),
    "madgrad:pytorch_optimizer": dict(of="pytorch_optimizer.MADGRAD", lr=1e-3),
}
