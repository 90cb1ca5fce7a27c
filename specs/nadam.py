"""NAdam: Incorporating Nesterov Momentum into Adam. Dozat, 2016. https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ"""

from adaspec.lang import *


def warmed(t, beta1, decay):
    return beta1 * (1 - 0.5 * 0.96 ** (t * decay))


def nadam(
    x: Param, g: Grad, t: Step, m: Slot = zeros, v: Slot = zeros, past: Slot = ones.scalar, *, lr: Rate = 2e-3,
    beta1: Decay = 0.9, beta2: Decay = 0.999, eps: Rate = 1e-8, momentum_decay: Rate = 4e-3, weight_decay: Rate = 0.0,
    decoupled: Flag = False,
):  # fmt: skip
    g = g if decoupled else g + weight_decay * x
    x = x - lr * weight_decay * x if decoupled else x
    now = warmed(t, beta1, momentum_decay)
    then = warmed(t + 1, beta1, momentum_decay)
    past = past * now
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    x = x - lr * (then / (1 - past * then) * m + (1 - now) / (1 - past) * g) / (sqrt(v / (1 - beta2**t)) + eps)
    return x, m, v, past


dialects = {
    "nadam:torch": dict(
        of="torch.optim.NAdam",
        names=dict(decoupled="decoupled_weight_decay", m="exp_avg", v="exp_avg_sq", past="mu_product"),
    ),
    "nadam:timm": dict(of="timm.optim.nadam.NAdamLegacy"),
    "nadam:keras": dict(of="keras.optimizers.Nadam", lr=1e-3, eps=1e-7, momentum_decay=1.0, decoupled=True),
}
