"""Amos: An Adam-style Optimizer with Adaptive Weight Decay. Tian & Parikh, 2022. arXiv:2210.11693"""

from adaspec.lang import *


def amos(
    x: Param, g: Grad, t: Step, v: Slot = zeros.scalar, decay: Slot = zeros.scalar, m: Slot = zeros, *,
    lr: Rate = 1e-3, beta: Decay = 0.999, mu: Optional[Decay] = None, extra_l2: Rate = 0.0, c: Rate = 0.25,
    d: Rate = 0.25, eps: Positive = 1e-18,
):  # fmt: skip
    assert x.ndim <= 4, "reshape the parameter first"
    # The scale that the weights are expected to have, from the length of the second axis.
    scale = 0.5
    if x.ndim == 2:
        scale = sqrt(2 / x.shape[-1])
    if x.ndim == 3:
        scale = sqrt(1 / x.shape[-2])
    if x.ndim == 4:
        scale = sqrt(1 / x.shape[-3])
    g2 = mean(g**2)
    v = beta * v + (1 - beta) * g2
    r = (1 - beta**t) / (v + eps)
    gamma = lr**2 * r * g2 / sqrt(1 + c * sqrt(lr) * decay)
    u = (gamma - extra_l2) / 2 * x + lr * scale * sqrt(r) * g
    u = u / (1 + d * sqrt(lr * scale) * decay)
    decay = decay * (1 + gamma) + gamma
    if mu is not None:
        m = mu * m + (1 - mu) * u
        u = m
    x = x - u
    return x, v, decay, m


dialects = {
    "amos:pytorch_optimizer": dict(of="pytorch_optimizer.Amos"),
}
