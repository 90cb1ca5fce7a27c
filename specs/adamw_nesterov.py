"""AdamW-Nesterov: Incorporating Nesterov Momentum into Adam, as optax does. Dozat, 2016. ICLR workshop"""

from adaspec.lang import *


def adamw_nesterov(
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
    weight_decay: Rate = 0.0,
    nesterov: Flag = True,
):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    if nesterov:
        m_hat = beta1 * m / (1 - beta1 ** (t + 1)) + (1 - beta1) * g / (1 - beta1**t)
    u = m_hat / (sqrt(v / (1 - beta2**t) + eps_root) + eps)
    x = x - lr * (u + weight_decay * x)
    return x, m, v


dialects = {
    "nadam:optax": dict(of="optax.nadam", lr=1e-2, names=dict(weight_decay=None, m="mu", v="nu")),
    "nadamw:optax": dict(of="optax.nadamw", lr=1e-2, weight_decay=1e-4, names=dict(m="mu", v="nu")),
    "adam:optax": dict(of="optax.adam", lr=1e-2, nesterov=False, names=dict(weight_decay=None, m="mu", v="nu")),
    "adamw:optax": dict(of="optax.adamw", lr=1e-2, weight_decay=1e-4, nesterov=False, names=dict(m="mu", v="nu")),
}
