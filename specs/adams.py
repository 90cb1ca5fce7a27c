"""AdamS: Stable Weight Decay in Adaptive Gradient Methods. Xie et al., 2020. arXiv:2011.11152"""

from adaspec.lang import *


def adams(
    x: Param, g: Grad, t: Step, m: Slot = zeros, v: Slot = zeros, v_max: Slot = zeros, *, lr: Rate = 1e-3,
    beta1: Decay = 0.9, beta2: Decay = 0.999, eps: Rate = 1e-8, weight_decay: Rate = 1e-4, decoupled: Flag = True,
    amsgrad: Flag = False,
):  # fmt: skip
    g = g if decoupled else g + weight_decay * x
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    if amsgrad:
        v_max = maximum(v_max, v)
    v_hat = (v_max if amsgrad else v) / (1 - beta2**t)
    # The decay is scaled as the steps are: by one root for all the weights of the model.
    root = sqrt(total(sum(v_hat)) / total(x.size)) + eps
    x = (1 - lr * weight_decay / root) * x if decoupled else x
    x = x - lr * m / (1 - beta1**t) / (sqrt(v_hat) + eps)
    return x, m, v, v_max


dialects = {
    "adams:pytorch_optimizer": dict(of="pytorch_optimizer.AdamS"),
}
