"""AdaX-Raw: Exponential Long Term Memory as published, with a v that grows. Li et al., 2020. arXiv:2004.09740"""

from adaspec.lang import *


def adax_raw(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    beta1: Decay = 0.9,
    beta2: Positive = 1e-4,
    eps: Positive = 1e-8,
):
    m = beta1 * m + (1 - beta1) * g
    v = (1 + beta2) * v + beta2 * g**2
    v_hat = v / ((1 + beta2) ** t - 1)
    x = x - lr * m / sqrt(v_hat + eps)
    return x, m, v
