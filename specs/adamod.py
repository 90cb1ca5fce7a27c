"""AdaMod: An Adaptive and Momental Bound Method for Stochastic Learning. Ding et al., 2019. arXiv:1910.12249"""

from adaspec.lang import *


def adamod(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros,
    s: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    beta3: Decay = 0.999,
    eps: Rate = 1e-8,
    weight_decay: Rate = 0.0,
    decoupled: Flag = True,
):
    g = g if decoupled else g + weight_decay * x
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    # No element's rate is larger than the average of what it was; the average begins at 0, so it warms up.
    rate = lr * sqrt(1 - beta2**t) / (1 - beta1**t) / (sqrt(v) + eps)
    s = beta3 * s + (1 - beta3) * rate
    x = (1 - lr * weight_decay) * x if decoupled else x
    x = x - minimum(rate, s) * m
    return x, m, v, s


dialects = {
    "adamod:pytorch_optimizer": dict(of="pytorch_optimizer.AdaMod", beta2=0.99, beta3=0.9999),
}
