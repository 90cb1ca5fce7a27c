"""LaProp: Separating Momentum and Adaptivity in Adam. Ziyin et al., 2020. arXiv:2002.04839"""

from adaspec.lang import *


def laprop(
    x: Param, g: Grad, t: Step, m: Slot = zeros, v: Slot = zeros, v_max: Slot = zeros, g_mean: Slot = zeros,
    lr_mean: Shared = 0.0, *, lr: Rate = 4e-4, beta1: Decay = 0.9, beta2: Decay = 0.999, eps: Rate = 1e-15,
    eps_root: Rate = 0.0, weight_decay: Rate = 0.0, amsgrad: Flag = False, centered: Flag = False, wait: Count = 10,
    eps_hat: Flag = False,
):  # fmt: skip
    v = beta2 * v + (1 - beta2) * g**2
    v_now = v
    if centered:
        g_mean = beta2 * g_mean + (1 - beta2) * g
        v_now = where(t > wait, v - g_mean**2, v)
    if amsgrad:
        v_max = maximum(v_max, v_now)
        v_now = v_max
    u = sqrt((v_now + eps_root) / (1 - beta2**t)) + (eps / sqrt(1 - beta2**t) if eps_hat else eps)
    # The momentum holds normalized steps and their rate with them, so its correction is the rate's own average.
    m = beta1 * m + (1 - beta1) * lr * g / u
    lr_mean = beta1 * lr_mean + (1 - beta1) * lr
    x = x - where(lr_mean > 0, lr / lr_mean, 1) * m
    x = (1 - lr * weight_decay) * x
    return x, m, v, v_max, g_mean, lr_mean


dialects = {
    "laprop:pytorch_optimizer": dict(of="pytorch_optimizer.LaProp", eps_root=1e-15, eps_hat=True),
    "laprop:timm": dict(of="timm.optim.laprop.LaProp"),
}
