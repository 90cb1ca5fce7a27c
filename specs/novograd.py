"""NovoGrad: Stochastic Gradient Methods with Layer-wise Adaptive Moments. Ginsburg et al., 2019. arXiv:1905.11286"""

from adaspec.lang import *


def novograd(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros.scalar,
    *,
    lr: Rate = 1e-2,
    beta1: Decay = 0.95,
    beta2: Decay = 0.98,
    eps: Positive = 1e-8,
    eps_root: Rate = 0.0,
    weight_decay: Rate = 0.0,
    grad_averaging: Flag = False,
):
    v = where(t > 1, beta2 * v + (1 - beta2) * sum(g**2), sum(g**2))
    u = g / (sqrt(v + eps_root) + eps) + weight_decay * x
    m = beta1 * m + ((1 - beta1) * u if grad_averaging else u)
    x = x - lr * m
    return x, m, v


dialects = {
    "novograd:paper": dict(),
    "novograd:optax": dict(of="optax.novograd", beta1=0.9, beta2=0.25, eps=1e-6),
}
