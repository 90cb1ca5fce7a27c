"""QHM: Quasi-Hyperbolic Momentum and Adam for Deep Learning. Ma & Yarats, 2018. arXiv:1810.06801"""

from adaspec.lang import *


def qhm(
    x: Param,
    g: Grad,
    m: Slot = zeros,
    *,
    lr: Rate = 1.0,
    mu: Decay = 0.999,
    nu: Real = 0.7,
    weight_decay: Rate = 0.0,
    decoupled: Flag = False,
):
    g = g if decoupled else g + weight_decay * x
    m = mu * m + (1 - mu) * g
    x = (1 - lr * weight_decay) * x if decoupled else x
    x = x - lr * ((1 - nu) * g + nu * m)
    return x, m


dialects = {
    "qhm:pytorch_optimizer": dict(of="pytorch_optimizer.QHM", lr=1e-3, mu=0.0, nu=1.0),
}
