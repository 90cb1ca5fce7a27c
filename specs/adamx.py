"""AdamX: Adam with a gamma-corrected second moment. After Kingma & Ba, 2015. arXiv:1412.6980"""

from adaspec.lang import *


def adamx(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros,
    h: Slot = zeros.scalar,
    gamma: Slot = ones.scalar,
    *,
    lr: Rate = 1e-3,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    beta3: Decay = 0.99,
    eps: Positive = 1e-8,
):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * gamma * g**2

    # gamma follows how large this gradient is beside the gradients of late: 1 while their norm stays the same.
    energy = sum(g**2)
    h = beta3 * h + (1 - beta3) * energy
    h_hat = h / (1 - beta3**t)
    gamma = beta3 * gamma + (1 - beta3) * energy / (h_hat + eps)

    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    x = x - lr * m_hat / (sqrt(v_hat) + eps)
    return x, m, v, h, gamma
