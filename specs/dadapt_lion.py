"""DAdapt-Lion: Lion with D-Adaptation, as its authors' code has it. Defazio & Mishchenko, 2023. arXiv:2301.07733"""

from adaspec.lang import *


def dadapt_lion(
    x: Param, g: Grad, m: Slot = zeros, s: Slot = zeros, r: Shared = 0.0, d: Shared = "d0", *, lr: Rate = 1.0,
    beta1: Decay = 0.9, beta2: Decay = 0.99, d0: Positive = 1e-6, weight_decay: Rate = 0.0, decoupled: Flag = True,
):  # fmt: skip
    b = sqrt(beta2)
    step = d * lr
    g = g if decoupled else g + weight_decay * x
    x = (1 - step * weight_decay) * x if decoupled else x
    u = sign(beta1 * m + (1 - beta1) * g)
    x = x - step * u
    m = beta2 * m + (1 - beta2) * step * g

    # A lower bound of the distance to the solution; it only grows.
    r = b * r + (1 - b) * step * total(sum(u * s))
    s = b * s + (1 - b) * step * u
    way = total(sum(abs(s)))
    d = maximum(d, where(way > 0, r / ((1 - b) * way), d))
    return x, m, s, r, d


dialects = {
    "dadapt_lion:dadaptation": dict(of="dadaptation.DAdaptLion"),
    "dadapt_lion:pytorch_optimizer": dict(of="pytorch_optimizer.DAdaptLion", beta2=0.999, decoupled=False),
}
