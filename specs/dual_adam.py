"""DualAdam: Adam and its inverse, one handing over to the other. 2025. https://github.com/kozistr/pytorch_optimizer"""

from adaspec.lang import *


def dual_adam(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    switch_rate: Positive = 0.01,
    eps: Positive = 1e-8,
    weight_decay: Rate = 0.0,
    decoupled: Flag = False,
):
    g = g if decoupled else g + weight_decay * x
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    u = sqrt(v / (1 - beta2**t)) + eps
    left = 1 / switch_rate - t  # steps until Adam has taken over
    adam = where(left >= 1, t * switch_rate, 1)
    inverse = where(left >= 1, left * switch_rate, 0)
    x = (1 - lr * weight_decay) * x if decoupled else x
    x = x - lr * m / (1 - beta1**t) * (adam / u + inverse * u)
    return x, m, v


dialects = {
    "dual_adam:pytorch_optimizer": dict(of="pytorch_optimizer.DualAdam"),
}
