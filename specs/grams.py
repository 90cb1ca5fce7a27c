"""Grams: Gradient Descent with Adaptive Momentum Scaling. Cao et al., 2024. arXiv:2412.17107"""

from adaspec.lang import *


def grams(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    eps: Rate = 1e-6,
    weight_decay: Rate = 0.0,
):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    # The size is Adam's, the direction is this gradient's.
    u = sign(g) * abs(m_hat / (sqrt(v_hat) + eps))
    x = (1 - lr * weight_decay) * x - lr * u
    return x, m, v


dialects = {
    "grams:pytorch_optimizer": dict(of="pytorch_optimizer.Grams"),
}
