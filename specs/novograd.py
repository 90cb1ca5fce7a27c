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
    first_whole: Flag = False,
    first_seen: Flag = False,
    decoupled: Flag = False,
):
    # The average of squares begins with the first gradient, or with the first that is not zero.
    v = where(v > 0 if first_seen else t > 1, beta2 * v + (1 - beta2) * sum(g**2), sum(g**2))
    u = g / (sqrt(v + eps_root) + eps) + (0 if decoupled else weight_decay * x)
    w = 1 - beta1 if grad_averaging else 1
    m = beta1 * m + (where(t > 1, w, 1) if first_whole else w) * u
    x = (x - lr * weight_decay * x if decoupled else x) - lr * m
    return x, m, v


dialects = {
    "novograd:paper": dict(),
    "novograd:optax": dict(
        of="optax.novograd",
        beta1=0.9,
        beta2=0.25,
        eps=1e-6,
        names=dict(decoupled=None, first_seen=None, first_whole=None, grad_averaging=None, m="mu", v="nu"),
    ),
    "novograd:pytorch_optimizer": dict(of="pytorch_optimizer.NovoGrad", lr=1e-3, first_whole=True),
    "novograd:timm": dict(of="timm.optim.nvnovograd.NvNovoGrad", lr=1e-3, first_seen=True),
}
