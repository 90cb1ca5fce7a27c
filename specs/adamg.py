"""AdamG: Towards Stability of Parameter-free Optimization. Pan et al., 2024. arXiv:2405.04376"""

from adaspec.lang import *


def adamg(
    x: Param, g: Grad, t: Step, m: Slot = zeros, v: Slot = zeros, r: Slot = zeros, *, lr: Rate = 1.0,
    beta1: Decay = 0.95, beta2: Decay = 0.999, beta3: Decay = 0.95, p: Positive = 0.2, q: Positive = 0.24,
    eps: Rate = 1e-8, weight_decay: Rate = 0.0, decoupled: Flag = False,
):  # fmt: skip
    g = g if decoupled else g + weight_decay * x
    v = beta2 * v + (1 - beta2) * g**2
    # The golden step size, p v^q, stands for the distance to the solution.
    r = beta3 * r + (1 - beta3) * p * v**q
    m = beta1 * m + (1 - beta1) * r * g
    x = (1 - lr * weight_decay) * x if decoupled else x
    x = x - minimum(lr, 1 / sqrt(t)) * m / (1 - beta1**t) / (sqrt(v / (1 - beta2**t)) + eps)
    return x, m, v, r


dialects = {
    "adamg:pytorch_optimizer": dict(of="pytorch_optimizer.AdamG"),
}
