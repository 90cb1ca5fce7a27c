"""AdEMAMix-Clamped: AdEMAMix whose eps bounds the root. After Pagliardini et al., 2024. arXiv:2409.03137"""

from adaspec.lang import *


def ademamix_clamped(
    x: Param, g: Grad, t: Step, m: Slot = zeros, slow: Slot = zeros, v: Slot = zeros, *, lr: Rate = 1e-3,
    beta1: Decay = 0.9, beta2: Decay = 0.999, beta3: Decay = 0.9999, alpha: Rate = 2.0,
    alpha_warmup: Optional[Positive] = None, beta3_warmup: Optional[Positive] = None, eps: Rate = 1e-8,
    weight_decay: Rate = 0.0,
):  # fmt: skip
    share = alpha if alpha_warmup is None else alpha * minimum(t / alpha_warmup, 1)
    w3 = 1 - beta3
    if beta3_warmup is not None:
        # While the slow mean is young its half-life grows evenly from beta1's to beta3's.
        old = minimum(t / beta3_warmup, 1)
        w3 = -expm1(-1 / ((1 - old) / -log(beta1) + old / -log(beta3)))
    m = beta1 * m + (1 - beta1) * g
    slow = (1 - w3) * slow + w3 * g
    v = beta2 * v + (1 - beta2) * g**2
    u = (m / (1 - beta1**t) + share * slow) / maximum(sqrt(v / (1 - beta2**t)), eps)
    x = x - lr * (u + weight_decay * x)
    return x, m, slow, v


dialects = {"ademamix:heavyball": dict(of="heavyball.AdEMAMix")}
