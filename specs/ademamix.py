"""AdEMAMix: Better, Faster, Older. Pagliardini et al., 2024. arXiv:2409.03137"""

from adaspec.lang import *


def ademamix(
    x: Param, g: Grad, t: Step, m: Slot = zeros, slow: Slot = zeros, v: Slot = zeros, *, lr: Rate = 1e-3,
    beta1: Decay = 0.9, beta2: Decay = 0.999, beta3: Decay = 0.9999, alpha: Rate = 5.0,
    warmup: Optional[Positive] = None, eps: Positive = 1e-8, eps_root: Rate = 0.0, weight_decay: Rate = 0.0,
    decoupled: Flag = True,
):  # fmt: skip
    if not decoupled:
        g = g + weight_decay * x
    # While the slow mean is young its half-life grows evenly from beta1's to beta3's, and with it its share.
    old = 1 if warmup is None else minimum(t / warmup, 1)
    young = 0 if warmup is None else maximum(warmup - t, 0) / warmup
    w3 = 1 - beta3 if warmup is None else -expm1(-1 / (young / -log(beta1) + old / -log(beta3)))
    m = beta1 * m + (1 - beta1) * g
    slow = (1 - w3) * slow + w3 * g
    v = beta2 * v + (1 - beta2) * g**2
    u = m / (1 - beta1**t) + alpha * old * slow
    u = u / (sqrt(v / (1 - beta2**t) + eps_root) + eps)
    x = x - lr * (u + weight_decay * x if decoupled else u)
    return x, m, slow, v


dialects = {
    "ademamix:optax": dict(
        of="optax.contrib.ademamix", lr=1e-2, names=dict(decoupled=None, warmup=None, m="m1", slow="m2", v="nu")
    ),
    "ademamix:pytorch_optimizer": dict(of="pytorch_optimizer.AdEMAMix", decoupled=False),
}
