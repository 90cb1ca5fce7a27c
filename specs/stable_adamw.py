"""StableAdamW: Stable and Low-Precision Training for Large-Scale Models. Wortsman et al., 2023. arXiv:2304.13013"""

from adaspec.lang import *


def stable_adamw(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    beta1: Decay = 0.9,
    beta2: Decay = 0.99,
    eps: Rate = 1e-6,
    weight_decay: Rate = 0.01,
    decoupled: Flag = True,
):
    g = g if decoupled else g + weight_decay * x
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    # Adafactor's clipping of the update, said of the rate: it shrinks while the gradients outgrow v.
    rate = lr / maximum(1, sqrt(mean(g**2 / maximum(v_hat, eps**2))))
    x = (1 - rate * weight_decay) * x if decoupled else x
    x = x - rate * m_hat / (sqrt(v_hat) + eps)
    return x, m, v


dialects = {
    "stable_adamw:pytorch_optimizer": dict(of="pytorch_optimizer.StableAdamW", eps=1e-8),
    "stable_adamw:optimi": dict(of="optimi.StableAdamW", lr=1e-2),
}
