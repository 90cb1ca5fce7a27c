"""LaProp-Clamped: its momentum holds no rate; eps bounds the root. After Ziyin et al., 2020. arXiv:2002.04839"""

from adaspec.lang import *


def laprop_clamped(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros,
    *,
    lr: Rate = 2.5e-3,
    beta1: Decay = 0.9,
    beta2: Decay = 0.99,
    eps: Rate = 1e-8,
    weight_decay: Rate = 0.0,
):
    v = beta2 * v + (1 - beta2) * g**2
    u = g / maximum(sqrt(v / (1 - beta2**t)), eps)
    m = beta1 * m + (1 - beta1) * u
    x = x - lr * (m / (1 - beta1**t) + weight_decay * x)
    return x, m, v


dialects = {"laprop:heavyball": dict(of="heavyball.LaProp")}
