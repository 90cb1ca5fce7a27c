"""ADOPT: Modified Adam Can Converge with Any Beta2 with the Optimal Rate. Taniguchi et al., 2024. arXiv:2411.02853"""

from adaspec.lang import *


def adopt(
    x: Param, g: Grad, t: Step, m: Slot = zeros, v: Slot = zeros, *, lr: Rate = 1e-3, beta1: Decay = 0.9,
    beta2: Decay = 0.9999, eps: Positive = 1e-6, clip_power: Optional[Positive] = 0.25, nesterov: Flag = False,
    weight_decay: Rate = 0.0, decoupled: Flag = False, clip_more: Flag = False, decay_first: Flag = True,
):  # fmt: skip
    g = g if decoupled else g + weight_decay * x
    u = where(t > 1, g / maximum(sqrt(v), eps), 0.0)  # by the second moment of the step before
    if clip_power is not None:
        limit = (t if clip_more else t - 1) ** clip_power
        u = clip(u, -limit, limit)
    m = beta1 * m + (1 - beta1) * u
    if decoupled:
        x = x - lr * (weight_decay if decay_first else where(t > 1, weight_decay, 0.0)) * x
    x = x - lr * (beta1 * m + (1 - beta1) * u if nesterov else m)
    v = where(t > 1, beta2 * v + (1 - beta2) * g**2, g**2)
    return x, m, v


dialects = {
    "adopt:paper": dict(),
    "adopt:optax": dict(
        of="optax.contrib.adopt",
        lr=1e-2,
        names=dict(
            clip_more=None, clip_power=None, decay_first=None, decoupled=None, weight_decay=None, m="mu", v="nu"
        ),
    ),
    "adopt:timm": dict(of="timm.optim.adopt.Adopt", clip_power=0.333, decay_first=False),
    "adopt:pytorch_optimizer": dict(of="pytorch_optimizer.ADOPT", clip_more=True),
}
