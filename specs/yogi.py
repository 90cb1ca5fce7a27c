"""Yogi: Adaptive Methods for Nonconvex Optimization. Zaheer et al., 2018. NeurIPS 31, 9793-9803"""

from adaspec.lang import *


def yogi(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = full("first_moment"),
    v: Slot = full("second_moment"),
    *,
    lr: Rate = 1e-2,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    eps: Positive = 1e-3,
    weight_decay: Rate = 0.0,
    first_moment: Rate = 1e-6,
    second_moment: Rate = 1e-6,
    bias_correction: Flag = True,
    decoupled: Flag = False,
):
    if not decoupled:
        g = g + weight_decay * x
    m = beta1 * m + (1 - beta1) * g
    v = v - (1 - beta2) * sign(v - g**2) * g**2
    c1 = 1 - beta1**t if bias_correction else 1
    c2 = 1 - beta2**t if bias_correction else 1
    u = m / c1 / (sqrt(v / c2) + eps)
    x = x - lr * (u + weight_decay * x if decoupled else u)
    return x, m, v


dialects = {
    "yogi:paper": dict(first_moment=0.0, bias_correction=False),
    "yogi:optax": dict(of="optax.yogi", names=dict(bias_correction=None, decoupled=None, first_moment=None,
        second_moment=None, weight_decay=None, m="mu", v="nu")),
    "yogi:pytorch_optimizer": dict(of="pytorch_optimizer.Yogi", decoupled=True),
}  # fmt: skip
