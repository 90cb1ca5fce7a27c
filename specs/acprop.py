"""ACProp: Momentum Centering and Asynchronous Update. Zhuang et al., 2021. arXiv:2110.05454"""

from adaspec.lang import *


def acprop(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    s: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    eps: Rate = 1e-16,
    eps_root: Rate = 1e-16,
    weight_decay: Rate = 0.0,
):
    # The spread of the gradients about their mean, both as they were before this step.
    s_hat = where(t > 1, s / (1 - beta2 ** maximum(t - 1, 1)), 1.0)
    x = x - lr * (g / (sqrt(s_hat) + eps) + weight_decay * x)
    s = beta2 * s + (1 - beta2) * (g - m) ** 2 + eps_root
    m = beta1 * m + (1 - beta1) * g
    return x, m, s


dialects = {"acprop:optax": dict(of="optax.contrib.acprop", lr=1e-2, names=dict(m="mu", s="nu"))}
