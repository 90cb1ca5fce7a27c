"""AdaNorm: Adaptive Gradient Norm Correction Based Optimizer for CNNs. Dubey et al., 2022. arXiv:2210.06364"""

from adaspec.lang import *


def adanorm(
    x: Param, g: Grad, t: Step, m: Slot = zeros, v: Slot = zeros, v_max: Slot = zeros, size: Slot = zeros.scalar, *,
    lr: Rate = 1e-3, beta1: Decay = 0.9, beta2: Decay = 0.999, beta3: Decay = 0.95, eps: Rate = 1e-8,
    eps_root: Rate = 0.0, weight_decay: Rate = 0.0, decoupled: Flag = False, amsgrad: Flag = False,
):  # fmt: skip
    g = g if decoupled else g + weight_decay * x
    # A gradient smaller than its predecessors is made as large as they were on average.
    size = beta3 * size + (1 - beta3) * norm(g)
    s = where((norm(g) > 0) & (size > norm(g)), size / norm(g), 1) * g
    m = beta1 * m + (1 - beta1) * s
    v = beta2 * v + (1 - beta2) * g**2
    if amsgrad:
        v_max = maximum(v_max, v)
    x = (1 - lr * weight_decay) * x if decoupled else x
    lr_t = lr * sqrt(1 - beta2**t) / (1 - beta1**t)
    x = x - lr_t * m / (sqrt((v_max if amsgrad else v) + eps_root) + eps)
    return x, m, v, v_max, size


dialects = {
    "adanorm:pytorch_optimizer": dict(of="pytorch_optimizer.AdaNorm", beta2=0.99, eps_root=1e-15, decoupled=True),
}
