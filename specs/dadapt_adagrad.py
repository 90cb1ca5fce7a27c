"""DAdapt-AdaGrad: Learning-Rate-Free Learning by D-Adaptation. Defazio & Mishchenko, 2023. arXiv:2301.07733"""

from adaspec.lang import *


def dadapt_adagrad(
    x: Param, g: Grad, x0: Slot = copy, s: Slot = zeros, v: Slot = full(1e-6), r: Shared = 0.0, d: Shared = "d0", *,
    lr: Rate = 1.0, mu: Decay = 0.0, eps: Rate = 1e-6, d0: Positive = 1e-6, growth_rate: Optional[Positive] = None,
    weight_decay: Rate = 0.0,
):  # fmt: skip
    step = d * lr
    g = g + weight_decay * x
    v = v + g**2
    u = sqrt(v) + eps
    s = s + step * g

    # A lower bound of the distance to the solution; it only grows.
    r = r + step**2 * total(sum(g**2 / u))
    way = total(sum(abs(s)))
    d_hat = where(way > 0, (total(sum(s**2 / u)) - r) / way, d)
    d = maximum(d, d_hat if growth_rate is None else minimum(d_hat, d * growth_rate))
    x = mu * x + (1 - mu) * (x0 - s / u)
    return x, x0, s, v, r, d


dialects = {
    "dadapt_adagrad:dadaptation": dict(of="dadaptation.DAdaptAdaGrad"),
    "dadapt_adagrad:pytorch_optimizer": dict(of="pytorch_optimizer.DAdaptAdaGrad", eps=0.0),
}
