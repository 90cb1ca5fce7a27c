"""Simplified-AdEMAMix: Schedule-Free, Nesterov and AdEMAMix. Morwani et al., 2025. arXiv:2502.02431"""

from adaspec.lang import *


def simplified_ademamix(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros,
    *,
    lr: Rate = 1e-4,
    beta1: Decay = 0.99,
    beta2: Decay = 0.95,
    alpha: Rate = 0.0,
    eps: Positive = 1e-8,
    eps_root: Rate = 0.0,
    weight_decay: Rate = 0.0,
    decoupled: Flag = True,
):
    if not decoupled:
        g = g + weight_decay * x
    m = beta1 * m + g
    v = beta2 * v + (1 - beta2) * g**2
    u = (m + alpha * g) / (sqrt(v / (1 - beta2**t) + eps_root) + eps)
    x = x - lr * (u + weight_decay * x if decoupled else u)
    return x, m, v


dialects = {
    "simplified_ademamix:optax": dict(
        of="optax.contrib.simplified_ademamix", lr=1e-2, names=dict(decoupled=None, m="m", v="n")
    )
}
