"""KATE: Remove that Square Root, A New Version of AdaGrad. Choudhury et al., 2024. arXiv:2403.02648"""

from adaspec.lang import *


def kate(
    x: Param,
    g: Grad,
    m2: Slot = zeros,
    b2: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    delta: Rate = 0.0,
    eps: Positive = 1e-8,
    weight_decay: Rate = 0.0,
    decoupled: Flag = True,
):
    g = g if decoupled else g + weight_decay * x
    b2 = b2 + g**2 + eps
    m2 = m2 + delta * g**2 + g**2 / b2
    x = (1 - lr * weight_decay) * x if decoupled else x
    x = x - lr * sqrt(m2) * g / b2
    return x, m2, b2


dialects = {
    "kate:pytorch_optimizer": dict(of="pytorch_optimizer.Kate"),
}
