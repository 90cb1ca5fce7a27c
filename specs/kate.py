"""KATE: Remove that Square Root, A New Version of AdaGrad. Choudhury et al., 2024. arXiv:2403.02648"""

from adaspec.lang import *


def kate(
    x: Param,
    g: Grad,
    t: Step,
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
    b2 = b2 + g**2
    u = b2 + t * eps  # eps is in every square
    m2 = m2 + g**2 * (delta + 1 / u)
    x = (1 - lr * weight_decay) * x if decoupled else x
    x = x - lr * sqrt(m2) * g / u
    return x, m2, b2


dialects = {
    "kate:pytorch_optimizer": dict(of="pytorch_optimizer.Kate"),
}
