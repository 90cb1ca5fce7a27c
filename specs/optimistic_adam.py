"""Optimistic-Adam: Training GANs with Optimism. Daskalakis et al., 2018. arXiv:1711.00141"""

from adaspec.lang import *


def optimistic_adam(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros,
    before: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    alpha: Rate = 1.0,
    beta: Rate = 1.0,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    eps: Positive = 1e-8,
    eps_root: Rate = 0.0,
    nesterov: Flag = True,
):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    if nesterov:
        m_hat = beta1 * m / (1 - beta1 ** (t + 1)) + (1 - beta1) * g / (1 - beta1**t)
    u = m_hat / (sqrt(v / (1 - beta2**t) + eps_root) + eps)
    x = x - lr * (alpha * u + beta * where(t > 1, u - before, 0.0))
    before = u
    return x, m, v, before


dialects = {
    "optimistic_adam:optax": dict(of="optax.optimistic_adam", lr=1e-2),
    "optimistic_adam_v2:optax": dict(
        of="optax.optimistic_adam_v2", lr=1e-2, names=dict(m="mu", v="nu", before="previous_gradient")
    ),
}
