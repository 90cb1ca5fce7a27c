"""QHAdam: Quasi-Hyperbolic Momentum and Adam for Deep Learning. Ma & Yarats, 2018. arXiv:1810.06801"""

from adaspec.lang import *


def qhadam(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    nu1: Real = 0.7,
    nu2: Real = 1.0,
    eps: Rate = 1e-8,
    weight_decay: Rate = 0.0,
    decoupled: Flag = False,
):
    g = g if decoupled else g + weight_decay * x
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    x = (1 - lr * weight_decay) * x if decoupled else x
    x = x - lr * ((1 - nu1) * g + nu1 * m_hat) / (sqrt((1 - nu2) * g**2 + nu2 * v_hat) + eps)
    return x, m, v


dialects = {
    "qhadam:pytorch_optimizer": dict(of="pytorch_optimizer.QHAdam", nu1=1.0),
}
