"""Adan: Adaptive Nesterov Momentum for Faster Optimizing Deep Models. Xie et al., 2022. arXiv:2208.06677"""

from adaspec.lang import *


def adan(
    x: Param, g: Grad, t: Step, m: Slot = zeros, v: Slot = zeros, n: Slot = zeros, before: Slot = first_grad, *,
    lr: Rate = 1e-3, beta1: Decay = 0.98, beta2: Decay = 0.92, beta3: Decay = 0.99, eps: Positive = 1e-8,
    eps_root: Rate = 0.0, weight_decay: Rate = 0.0, proximal: Flag = True,
):  # fmt: skip
    diff = g - before
    before = g
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * diff
    n = beta3 * n + (1 - beta3) * (g + beta2 * diff) ** 2
    u = m / (1 - beta1**t) + beta2 * v / (1 - beta2**t)
    u = u / (sqrt(n / (1 - beta3**t) + eps_root) + eps)
    x = (x - lr * u) / (1 + lr * weight_decay) if proximal else x - lr * (u + weight_decay * x)
    return x, m, v, n, before


dialects = {
    "adan:paper": dict(),
    "adan:timm": dict(of="timm.optim.adan.Adan"),
    "adan:pytorch_optimizer": dict(of="pytorch_optimizer.Adan"),
    "adan:optimi": dict(of="optimi.Adan", lr=1e-2, eps=1e-6, weight_decay=0.02),
    "adan:optax": dict(lr=1e-2, eps_root=1e-8, proximal=False),
}
