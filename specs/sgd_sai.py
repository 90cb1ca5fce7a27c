"""SGD-SaI: No More Adam, Learning Rate Scaling at Initialization is All You Need. Xu et al., 2024. arXiv:2412.11768"""

from adaspec.lang import *


def sgd_sai(
    x: Param, g: Grad, t: Step, m: Slot = zeros, ratio: Slot = zeros.scalar, *, lr: Rate = 0.01,
    mu: Optional[Decay] = 0.9, eps: Positive = 1e-8, weight_decay: Rate = 0.01,
):  # fmt: skip
    # The rate of each array for good: the signal to noise ratio of its first gradient.
    size = norm(g)
    if x.ndim > 1:
        spread_g = sqrt(sum((g - mean(g)) ** 2) / maximum(x.size - 1, 1))
        size = where(spread_g > 0, norm(g) / (spread_g + eps), norm(g))
    ratio = where(t == 1, size, ratio)
    if mu is not None:
        m = mu * m + (1 - mu) * g
        g = m
    x = (1 - lr * weight_decay) * x - lr * ratio * g
    return x, m, ratio


dialects = {
    "sgd_sai:pytorch_optimizer": dict(of="pytorch_optimizer.SGDSaI"),
}
