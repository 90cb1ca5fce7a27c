"""LAMB-Clip: LAMB with clipping, of the model's gradient and of the trust ratio. You et al., 2020. arXiv:1904.00962"""

from adaspec.lang import *


def lamb_clip(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    eps: Rate = 1e-6,
    weight_decay: Rate = 0.01,
    max_grad_norm: Optional[Positive] = 1.0,
    bias_correction: Flag = True,
    grad_averaging: Flag = True,
    decoupled: Flag = False,
    trust_clip: Flag = False,
    always_adapt: Flag = False,
):
    if max_grad_norm is not None:
        g = g / maximum(sqrt(total(sum(g**2))) / max_grad_norm, 1.0)
    m = beta1 * m + ((1 - beta1) * g if grad_averaging else g)
    v = beta2 * v + (1 - beta2) * g**2
    c = sqrt(1 - beta2**t) if bias_correction else 1.0
    u = m / (1 - beta1**t if bias_correction else 1.0) / (sqrt(v) / c + eps)
    u = u if decoupled else u + weight_decay * x
    x = x - lr * weight_decay * x if decoupled else x
    trust = where((norm(x) > 0) & (norm(u) > 0), norm(x) / norm(u), 1.0)
    trust = minimum(trust, 1.0) if trust_clip else trust
    x = x - lr * (trust if always_adapt else where(weight_decay > 0, trust, 1.0)) * u
    return x, m, v


dialects = {"lamb:timm": dict(of="timm.optim.lamb.Lamb")}
