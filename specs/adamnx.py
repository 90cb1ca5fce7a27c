"""AdamNX: An Adam Improvement Algorithm Based on a Novel Exponential Decay Mechanism. 2025. arXiv:2511.13465"""

from adaspec.lang import *


@schedule
def beta1_hat(t: Step, *, beta1: Decay):
    """How much of the past m keeps: Adam's decay with the bias correction inside it."""
    return 1 - (1 - beta1) / (1 - beta1**t)


@schedule
def beta2_hat(t: Step, *, beta2: Decay):
    """How much of the past v keeps: 0 at the first step, 1 in the limit, where v freezes."""
    c = 1 - beta2
    return 1 - beta2 ** (c * (t - 1)) * (1 - beta2**c) / (1 - beta2 ** (c * t))


def adamnx(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    beta1: Decay = 0.9,
    beta2: Decay = 0.99,
    eps: Positive = 1e-8,
    weight_decay: Rate = 0.01,
):
    b1 = beta1_hat(t, beta1=beta1)
    b2 = beta2_hat(t, beta2=beta2)
    m = b1 * m + (1 - b1) * g
    v = b2 * v + (1 - b2) * g**2
    x = (1 - lr * weight_decay) * x - lr * m / (sqrt(v) + eps)
    return x, m, v
