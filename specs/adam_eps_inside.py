"""Adam-Eps-Inside: Adam with epsilon inside the root, as in RMSprop. Kingma & Ba, 2015. arXiv:1412.6980"""

from adaspec.lang import *


def adam_eps_inside(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    eps: Positive = 1e-8,
):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    x = x - lr * m_hat / sqrt(v_hat + eps)
    return x, m, v
