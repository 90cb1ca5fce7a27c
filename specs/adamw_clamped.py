"""AdamW-Clamped: AdamW whose eps bounds the root, not added to it. After Loshchilov & Hutter, 2019. arXiv:1711.05101"""

from adaspec.lang import *


def adamw_clamped(
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
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    u = m / (1 - beta1**t) / maximum(sqrt(v / (1 - beta2**t)), eps)
    x = x - lr * (u + weight_decay * x)
    return x, m, v


dialects = {"adamw:heavyball": dict(of="heavyball.AdamW")}
