"""AdamC-Clamped: AdamC whose eps bounds the root, not added to it. After Defazio, 2025. arXiv:2506.02285"""

from adaspec.lang import *


def adamc_clamped(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros,
    max_lr: Shared = "lr",
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
    # Corrected for normalized layers: the decay falls with the square of the rate, from the rate it began with.
    x = (1 - where(max_lr > 0, lr**2 / max_lr, 0.0) * weight_decay) * x - lr * u
    return x, m, v, max_lr


dialects = {"adamc:heavyball": dict(of="heavyball.AdamC")}
