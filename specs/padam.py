"""PAdam: Closing the Generalization Gap of Adaptive Gradient Methods. Chen et al., 2018. arXiv:1806.06763"""

from adaspec.lang import *


def padam(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros,
    *,
    lr: Rate = 0.1,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    partial: Positive = 0.25,
    eps: Rate = 1e-8,
    weight_decay: Rate = 0.0,
    decoupled: Flag = False,
):
    g = g if decoupled else g + weight_decay * x
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    # partial: 1/2 is Adam, near 0 is momentum.
    x = (1 - lr * weight_decay) * x if decoupled else x
    x = x - lr * sqrt(1 - beta2**t) / (1 - beta1**t) * m / (sqrt(v) + eps) ** (2 * partial)
    return x, m, v


dialects = {
    "padam:pytorch_optimizer": dict(of="pytorch_optimizer.PAdam"),
}
