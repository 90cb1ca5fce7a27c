"""AdaPNM: Positive-Negative Momentum, Manipulating Stochastic Gradient Noise. Xie et al., 2021. arXiv:2103.17182"""

from adaspec.lang import *


def adapnm(
    x: Param, g: Grad, t: Step, m: Slot = zeros, older: Slot = zeros, v: Slot = zeros, v_max: Slot = zeros, *,
    lr: Rate = 1e-3, beta1: Decay = 0.9, beta2: Decay = 0.999, beta3: Real = 1.0, eps: Rate = 1e-8,
    eps_root: Rate = 0.0, weight_decay: Rate = 0.0, decoupled: Flag = True, amsgrad: Flag = True,
):  # fmt: skip
    g = g if decoupled else g + weight_decay * x
    # Two averages take turns: each is fed with every other gradient, and the one not fed is subtracted.
    fed = beta1**2 * older + (1 - beta1**2) * g
    older = m
    m = fed
    v = beta2 * v + (1 - beta2) * g**2
    if amsgrad:
        v_max = maximum(v_max, v)
    u = sqrt((v_max if amsgrad else v) + eps_root) + eps
    m_hat = ((1 + beta3) * m - beta3 * older) / sqrt((1 + beta3) ** 2 + beta3**2) / (1 - beta1**t)
    x = (1 - lr * weight_decay) * x if decoupled else x
    x = x - lr * m_hat * sqrt(1 - beta2**t) / u
    return x, m, older, v, v_max


dialects = {
    "adapnm:pytorch_optimizer": dict(of="pytorch_optimizer.AdaPNM", eps_root=1e-15),
}
