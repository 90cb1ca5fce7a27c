"""Adam-Eps-Hat: Adam with epsilon-hat, the order of the paper's section 2. Kingma & Ba, 2015. arXiv:1412.6980"""

from adaspec.lang import *


def adam_eps_hat(
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
    eps: Positive = 1e-8,
    weight_decay: Rate = 0.0,
    amsgrad: Flag = False,
):
    x = x - lr * weight_decay * x
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    if amsgrad:
        v_max = maximum(v_max, v)
    lr_t = lr * sqrt(1 - beta2**t) / (1 - beta1**t)
    x = x - lr_t * m / (sqrt(v_max if amsgrad else v) + eps)
    return x, m, v, v_max


dialects = {
    "adam:keras": dict(of="keras.optimizers.Adam", lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-7,
        names=dict(m="momentum", v="velocity", v_max="velocity_hat")),
    "adamw:keras": dict(of="keras.optimizers.AdamW", eps=1e-7, weight_decay=4e-3, names=dict(m="momentum",
        v="velocity", v_max="velocity_hat")),
    "sparse_adam:torch": dict(of="torch.optim.SparseAdam", names=dict(amsgrad=None, weight_decay=None, m="exp_avg",
        v="exp_avg_sq")),
}  # fmt: skip
