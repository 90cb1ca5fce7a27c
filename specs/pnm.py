"""PNM: Positive-Negative Momentum, Manipulating Stochastic Gradient Noise. Xie et al., 2021. arXiv:2103.17182"""

from adaspec.lang import *


def pnm(
    x: Param,
    g: Grad,
    m: Slot = zeros,
    older: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    beta1: Decay = 0.9,
    beta2: Real = 1.0,
    weight_decay: Rate = 0.0,
    decoupled: Flag = True,
):
    g = g if decoupled else g + weight_decay * x
    # Two averages take turns: each is fed with every other gradient, and the one not fed is subtracted.
    fed = beta1**2 * older + (1 - beta1**2) * g
    older = m
    m = fed
    x = (1 - lr * weight_decay) * x if decoupled else x
    x = x - lr * ((1 + beta2) * m - beta2 * older) / sqrt((1 + beta2) ** 2 + beta2**2)
    return x, m, older


dialects = {
    "pnm:pytorch_optimizer": dict(of="pytorch_optimizer.PNM"),
}
