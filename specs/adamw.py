"""AdamW: Decoupled Weight Decay Regularization. Loshchilov & Hutter, 2019. arXiv:1711.05101"""

from adaspec.lang import *


def adamw(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    eps: Rate = 1e-8,
    eps_root: Rate = 0.0,
    weight_decay: Rate = 1e-2,
    decoupled: Flag = True,
    nesterov: Flag = False,
):
    if not decoupled:
        g = g + weight_decay * x
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    if nesterov:
        m_hat = beta1 * m / (1 - beta1 ** (t + 1)) + (1 - beta1) * g / (1 - beta1**t)
    u = m_hat / (sqrt(v / (1 - beta2**t) + eps_root) + eps)
    x = x - lr * (u + weight_decay * x if decoupled else u)
    return x, m, v


dialects = {
    "adamw:paper": dict(),
    "adamw:torch": dict(of="torch.optim.AdamW"),
    "adamw:optax": dict(of="optax.adamw", lr=1e-2, weight_decay=1e-4),
    "adam:optax": dict(of="optax.adam", lr=1e-2, weight_decay=0.0),
    "nadam:optax": dict(of="optax.nadam", lr=1e-2, weight_decay=0.0, nesterov=True),
    "nadamw:optax": dict(of="optax.nadamw", lr=1e-2, weight_decay=1e-4, nesterov=True),
}
