"""AdamW: Decoupled Weight Decay Regularization. Loshchilov & Hutter, 2019. arXiv:1711.05101"""

from adaspec.lang import *


def adamw(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros,
    v_max: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    eps: Rate = 1e-8,
    weight_decay: Rate = 1e-2,
    amsgrad: Flag = False,
):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    if amsgrad:
        v_max = maximum(v_max, v)
    v_hat = (v_max if amsgrad else v) / (1 - beta2**t)
    u = m / (1 - beta1**t) / (sqrt(v_hat) + eps)
    x = x - lr * (u + weight_decay * x)
    return x, m, v, v_max


dialects = {
    "adamw:paper": dict(),
    "adamw:torch": dict(of="torch.optim.AdamW", names=dict(m="exp_avg", v="exp_avg_sq", v_max="max_exp_avg_sq")),
    "adamw:optimi": dict(of="optimi.AdamW", lr=1e-2, beta2=0.99, eps=1e-6),
    "adamw:timm": dict(of="timm.optim.adamw.AdamWLegacy"),
}
