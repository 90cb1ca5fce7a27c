"""AggMo: Aggregated Momentum, Stability Through Passive Damping. Lucas et al., 2018. arXiv:1804.00325"""

from adaspec.lang import *


def aggmo(
    x: Param,
    g: Grad,
    m1: Slot = zeros,
    m2: Slot = zeros,
    m3: Slot = zeros,
    *,
    lr: Rate = 1e-2,
    beta1: Decay = 0.0,
    beta2: Decay = 0.9,
    beta3: Decay = 0.99,
    weight_decay: Rate = 0.0,
    decoupled: Flag = False,
):
    g = g if decoupled else g + weight_decay * x
    m1 = beta1 * m1 + g
    m2 = beta2 * m2 + g
    m3 = beta3 * m3 + g
    x = (1 - lr * weight_decay) * x if decoupled else x
    x = x - lr * (m1 + m2 + m3) / 3
    return x, m1, m2, m3


dialects = {
    "aggmo:pytorch_optimizer": dict(of="pytorch_optimizer.AggMo", lr=1e-3),
}
