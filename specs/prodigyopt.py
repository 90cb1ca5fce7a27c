"""ProdigyOpt: Prodigy as its authors' code has it. Mishchenko & Defazio, 2023. arXiv:2306.06101"""

from adaspec.lang import *


def prodigyopt(
    x: Param, g: Grad, t: Step, x0: Slot = copy, m: Slot = zeros, v: Slot = zeros, s: Slot = zeros, r: Shared = 0.0,
    d: Shared = "d0", d_max: Shared = "d0", *, lr: Rate = 1.0, beta1: Decay = 0.9, beta2: Decay = 0.999,
    beta3: Optional[Decay] = None, eps: Positive = 1e-8, d0: Positive = 1e-6, d_coef: Positive = 1.0,
    growth_rate: Optional[Positive] = None, weight_decay: Rate = 0.0, decoupled: Flag = True,
    bias_correction: Flag = False, safeguard_warmup: Flag = False,
):  # fmt: skip
    g = g if decoupled else g + weight_decay * x
    b3 = beta3 if beta3 is not None else sqrt(beta2)
    step = d * lr * sqrt(1 - beta2**t) / (1 - beta1**t) if bias_correction else d * lr
    m = beta1 * m + (1 - beta1) * d * g
    v = beta2 * v + (1 - beta2) * (d * g) ** 2
    s = b3 * s + d / d0 * (d if safeguard_warmup else step) * g

    # How far is the solution? Two sums over every parameter of the model decide.
    r = b3 * r + d / d0 * step * total(sum(g * (x0 - x)))
    way = total(sum(abs(s)))
    d_hat = where(way > 0, d_coef * r / way, d)
    grown = where(d == d0, maximum(d, d_hat), d)
    d_max = maximum(d_max, d_hat)
    d = d_max if growth_rate is None else minimum(d_max, grown * growth_rate)

    x = x - step * weight_decay * x if decoupled else x
    x = x - step * m / (sqrt(v) + d * eps)
    return x, x0, m, v, s, r, d, d_max


dialects = {
    "prodigy:optax": dict(of="optax.contrib.prodigy", bias_correction=True),
    "prodigy:prodigyopt": dict(of="prodigyopt.Prodigy"),
    "prodigy:pytorch_optimizer": dict(of="pytorch_optimizer.Prodigy"),
}
