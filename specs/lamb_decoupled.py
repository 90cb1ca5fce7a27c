"""LAMB-Decoupled: LAMB whose weight decay stays outside of the trust ratio. After You et al., 2020. arXiv:1904.00962"""

from adaspec.lang import *


def lamb_decoupled(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    eps: Rate = 1e-7,
    weight_decay: Rate = 0.0,
):
    x = x - lr * weight_decay * x
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    u = m / (1 - beta1**t) / (sqrt(v / (1 - beta2**t)) + eps)
    trust = where((norm(x) > 0) & (norm(u) > 0), norm(x) / norm(u), 1.0)
    x = x - lr * trust * u
    return x, m, v


dialects = {
    "lamb:keras": dict(of="keras.optimizers.Lamb"),
}
