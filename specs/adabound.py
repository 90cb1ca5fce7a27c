"""AdaBound: Adaptive Gradient Methods with Dynamic Bound of Learning Rate. Luo et al., 2019. arXiv:1902.09843"""

from adaspec.lang import *


def adabound(
    x: Param, g: Grad, t: Step, m: Slot = zeros, v: Slot = zeros, v_max: Slot = zeros, base_lr: Shared = "lr", *,
    lr: Rate = 1e-3, final_lr: Rate = 0.1, beta1: Decay = 0.9, beta2: Decay = 0.999, gamma: Positive = 1e-3,
    eps: Rate = 1e-8, eps_root: Rate = 0.0, weight_decay: Rate = 0.0, decoupled: Flag = False, amsgrad: Flag = False,
):  # fmt: skip
    g = g if decoupled else g + weight_decay * x
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    if amsgrad:
        v_max = maximum(v_max, v)
    u = sqrt((v_max if amsgrad else v) + eps_root) + eps
    rate = lr * sqrt(1 - beta2**t) / (1 - beta1**t) / u

    # From Adam's rate to final_lr, which follows the schedule of lr (0 if it begins at 0): both bounds close in.
    final = where(base_lr > 0, final_lr * lr / base_lr, 0.0)
    rate = clip(rate, final * (gamma * t) / (gamma * t + 1), final * (1 + 1 / (gamma * t)))
    x = (1 - lr * weight_decay) * x if decoupled else x
    x = x - rate * m
    return x, m, v, v_max, base_lr


dialects = {
    "adabound:pytorch_optimizer": dict(of="pytorch_optimizer.AdaBound", eps_root=1e-15, decoupled=True),
    "amsbound:pytorch_optimizer": dict(of="pytorch_optimizer.AdaBound", eps_root=1e-15, decoupled=True, amsgrad=True),
}
