"""LAMB-Decoupled: LAMB whose weight decay may stay outside the trust ratio. You et al., 2020. arXiv:1904.00962"""

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
    eps: Rate = 1e-6,
    eps_root: Rate = 0.0,
    weight_decay: Rate = 0.0,
    decoupled: Flag = True,
):
    if decoupled:
        x = x - lr * weight_decay * x
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    u = m / (1 - beta1**t) / (sqrt(v / (1 - beta2**t) + eps_root) + eps)
    if not decoupled:
        u = u + weight_decay * x
    trust = where((norm(x) > 0) & (norm(u) > 0), norm(x) / norm(u), 1.0)
    x = x - lr * trust * u
    return x, m, v


dialects = {
    "lamb:keras": dict(
        of="keras.optimizers.Lamb", eps=1e-7, names=dict(decoupled=None, eps_root=None, m="momentum", v="velocity")
    ),
    "lamb:optax": dict(of="optax.lamb", lr=1e-2, decoupled=False, names=dict(decoupled=None, m="mu", v="nu")),
}
