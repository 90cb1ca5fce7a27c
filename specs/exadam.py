"""EXAdam: The Power of Adaptive Cross-Moments. Adly, 2024. arXiv:2412.20302"""

from adaspec.lang import *


def exadam(
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
    weight_decay: Rate = 0.0,
    decoupled: Flag = True,
):
    g = g if decoupled else g + weight_decay * x
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    # Each moment's correction listens to the other moment.
    d1 = 1 + v / (v + eps) * beta2**t
    d2 = 1 + m**2 / (m**2 + eps) * beta1**t
    u = d1 * (m + g) / (1 - beta1**t)
    x = (1 - lr * weight_decay) * x if decoupled else x
    x = x - lr * u / (sqrt(d2 * v / (1 - beta2**t)) + eps)
    return x, m, v


dialects = {
    "exadam:pytorch_optimizer": dict(of="pytorch_optimizer.EXAdam"),
}
