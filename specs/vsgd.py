"""VSGD: Variational Stochastic Gradient Descent for Deep Neural Networks. Chen et al., 2024. arXiv:2404.06549"""

from adaspec.lang import *


def vsgd(
    x: Param, g: Grad, t: Step, mu: Slot = zeros, bg: Slot = zeros, bhg: Slot = zeros, *, lr: Rate = 0.1,
    ghattg: Positive = 30.0, ps: Positive = 1e-8, tau1: Rate = 0.81, tau2: Rate = 0.9, eps: Rate = 1e-8,
    weight_decay: Rate = 0.0, decoupled: Flag = True,
):  # fmt: skip
    g = g if decoupled else g + weight_decay * x
    x = (1 - lr * weight_decay) * x if decoupled else x
    # The variances of the gradient and of its noise, from the prior at the first step.
    a = 2 * ps + 1e-4
    sg = where(t > 1, bg / (1 + a), 2 * ps / a)
    shg = where(t > 1, bhg / (1 + a), 2 * ghattg * ps / a)
    old = mu
    mu = (shg * mu + sg * g) / (sg + shg)
    power = mu**2 + sg * shg / (sg + shg)
    bg2 = 2 * ps + power - 2 * mu * old + old**2
    bhg2 = 2 * ghattg * ps + power - 2 * g * mu + g**2
    bg = bg + t**-tau1 * (bg2 - bg)
    bhg = bhg + t**-tau2 * (bhg2 - bhg)
    x = x - lr / (sqrt(power) + eps) * mu
    return x, mu, bg, bhg


dialects = {
    "vsgd:pytorch_optimizer": dict(of="pytorch_optimizer.VSGD"),
}
