"""DAdapt-Adan: Adan with D-Adaptation, as its authors' code has it. Defazio & Mishchenko, 2023. arXiv:2301.07733"""

from adaspec.lang import *


def dadapt_adan(
    x: Param, g: Grad, t: Step, m: Slot = zeros, change: Slot = zeros, v: Slot = zeros, s: Slot = zeros,
    last: Slot = zeros, r: Shared = 0.0, d: Shared = "d0", *, lr: Rate = 1.0, beta1: Decay = 0.98,
    beta2: Decay = 0.92, beta3: Decay = 0.99, eps: Positive = 1e-8, d0: Positive = 1e-6,
    growth_rate: Optional[Positive] = None, weight_decay: Rate = 0.02, proximal: Flag = True,
):  # fmt: skip
    step = d * lr
    c = where(t > 1, g - last, 0)
    m = beta1 * m + (1 - beta1) * step * g
    change = beta2 * change + (1 - beta2) * step * c
    v = beta3 * v + (1 - beta3) * (g + beta2 * c) ** 2
    s = beta3 * s + (1 - beta3) * step * g
    last = g
    u = sqrt(v) + eps

    # A lower bound of the distance to the solution; it only grows.
    r = beta3 * r + (1 - beta3) * step**2 * total(sum(g**2 / u))
    way = total(sum(abs(s)))
    d_hat = where(way > 0, (total(sum(s**2 / u)) / (1 - beta3) - r) / way, d)
    d = maximum(d, d_hat if growth_rate is None else minimum(d_hat, d * growth_rate))

    y = (x if proximal else (1 - step * weight_decay) * x) - (m + beta2 * change) / u
    x = y / (1 + step * weight_decay) if proximal else y
    return x, m, change, v, s, last, r, d


dialects = {
    "dadapt_adan:dadaptation": dict(of="dadaptation.DAdaptAdan"),
    "dadapt_adan:pytorch_optimizer": dict(weight_decay=0.0),
}
