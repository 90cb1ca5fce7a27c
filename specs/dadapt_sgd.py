"""DAdapt-SGD: Learning-Rate-Free Learning by D-Adaptation. Defazio & Mishchenko, 2023. arXiv:2301.07733"""

from adaspec.lang import *


def dadapt_sgd(
    x: Param, g: Grad, x0: Slot = copy, s: Slot = zeros, r: Shared = 0.0, g0: Shared = 0.0,
    d: Shared = "d0", *, lr: Rate = 1.0, mu: Decay = 0.0, d0: Positive = 1e-6,
    growth_rate: Optional[Positive] = None, weight_decay: Rate = 0.0,
):  # fmt: skip
    # The norm of the first gradient that is not 0 is the unit.
    g0 = where(g0 > 0, g0, sqrt(total(sum(g**2))))
    step = where(g0 > 0, d * lr / g0, 0)
    g = g + weight_decay * x
    r = r + step * total(sum(g * s))
    s = s + step * g

    # A lower bound of the distance to the solution; it only grows.
    way = sqrt(total(sum(s**2)))
    d_hat = where(way > 0, 2 * r / way, d)
    d = maximum(d, d_hat if growth_rate is None else minimum(d_hat, d * growth_rate))
    x = mu * x + (1 - mu) * (x0 - s)
    return x, x0, s, r, g0, d


dialects = {
    "dadapt_sgd:dadaptation": dict(of="dadaptation.DAdaptSGD"),
    "dadapt_sgd:pytorch_optimizer": dict(of="pytorch_optimizer.DAdaptSGD", mu=0.9),
}
