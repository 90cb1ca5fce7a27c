"""DAdapt-Adam: Learning-Rate-Free Learning by D-Adaptation. Defazio & Mishchenko, 2023. arXiv:2301.07733"""

from adaspec.lang import *


def dadapt_adam(
    x: Param, g: Grad, t: Step, m: Slot = zeros, v: Slot = zeros, s: Slot = zeros, r: Shared = 0.0, d: Shared = "d0",
    *, lr: Rate = 1.0, beta1: Decay = 0.9, beta2: Decay = 0.999, eps: Positive = 1e-8, d0: Positive = 1e-6,
    growth_rate: Optional[Positive] = None, weight_decay: Rate = 0.0, decoupled: Flag = False,
    bias_correction: Flag = False,
):  # fmt: skip
    g = g if decoupled else g + weight_decay * x
    b = sqrt(beta2)
    step = d * lr * sqrt(1 - beta2**t) / (1 - beta1**t) if bias_correction else d * lr
    r = b * r + (1 - b) * step * total(sum(g * (s / (sqrt(v) + eps))))
    m = beta1 * m + (1 - beta1) * step * g
    v = beta2 * v + (1 - beta2) * g**2
    s = b * s + (1 - b) * step * g

    # A lower bound of the distance to the solution; it only grows.
    way = total(sum(abs(s)))
    d_hat = where(way > 0, r / ((1 - b) * way), d)
    d = maximum(d, d_hat if growth_rate is None else minimum(d_hat, d * growth_rate))

    x = x - step * weight_decay * x if decoupled else x
    x = x - m / (sqrt(v) + eps)
    return x, m, v, s, r, d


dialects = {
    "dadapt_adamw:optax": dict(of="optax.contrib.dadapt_adamw", bias_correction=True, decoupled=True),
    "dadapt_adam:dadaptation": dict(of="dadaptation.DAdaptAdam"),
    "dadapt_adam:pytorch_optimizer": dict(of="pytorch_optimizer.DAdaptAdam"),
}
