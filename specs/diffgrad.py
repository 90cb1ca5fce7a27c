"""DiffGrad: An Optimization Method for Convolutional Neural Networks. Dubey et al., 2019. arXiv:1909.11015"""

from adaspec.lang import *


def diffgrad(
    x: Param, g: Grad, t: Step, m: Slot = zeros, v: Slot = zeros, v_max: Slot = zeros, last: Slot = zeros, *,
    lr: Rate = 1e-3, beta1: Decay = 0.9, beta2: Decay = 0.999, eps: Rate = 1e-8, eps_root: Rate = 0.0,
    weight_decay: Rate = 0.0, decoupled: Flag = False, amsgrad: Flag = False,
):  # fmt: skip
    g = g if decoupled else g + weight_decay * x
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    if amsgrad:
        v_max = maximum(v_max, v)
    # Friction: an element whose gradient hardly changes moves half as far.
    friction = 1 / (1 + exp(-abs(last - g)))
    last = g
    x = (1 - lr * weight_decay) * x if decoupled else x
    lr_t = lr * sqrt(1 - beta2**t) / (1 - beta1**t)
    x = x - lr_t * friction * m / (sqrt((v_max if amsgrad else v) + eps_root) + eps)
    return x, m, v, v_max, last


dialects = {
    "diffgrad:pytorch_optimizer": dict(of="pytorch_optimizer.DiffGrad", eps_root=1e-15, decoupled=True),
}
