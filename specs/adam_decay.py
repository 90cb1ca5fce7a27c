"""Adam-Decay: Adam with AMSGrad and both weight decays. Loshchilov & Hutter, 2019. arXiv:1711.05101"""

from adaspec.lang import *


def adam_decay(
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
    weight_decay: Rate = 0.0,
    decoupled: Flag = False,
    amsgrad: Flag = False,
):
    g = g if decoupled else g + weight_decay * x
    x = x - lr * weight_decay * x if decoupled else x
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    if amsgrad:
        v_max = maximum(v_max, v)
    v_hat = (v_max if amsgrad else v) / (1 - beta2**t)
    x = x - lr * m / (1 - beta1**t) / (sqrt(v_hat) + eps)
    return x, m, v, v_max


dialects = {
    "adam:torch": dict(
        of="torch.optim.Adam",
        names=dict(decoupled="decoupled_weight_decay", m="exp_avg", v="exp_avg_sq", v_max="max_exp_avg_sq"),
    ),
    "adam:optimi": dict(of="optimi.Adam", lr=1e-2, beta2=0.99, eps=1e-6),
}
