"""FAdam: Adam is a Natural Gradient Optimizer Using Empirical Fisher Information. Hwang, 2024. arXiv:2405.12807"""

from adaspec.lang import *


def clipped(u: Array, limit: Positive):
    return u / maximum(rms(u) / limit, 1)


def fadam(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    fim: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    p: Positive = 0.5,
    limit: Positive = 1.0,
    eps: Positive = 1e-8,
    eps2: Positive = 1e-2,
    weight_decay: Rate = 0.1,
):
    w = (1 - beta2) / (1 - beta2**t)
    fim = (1 - w) * fim + w * g**2
    small = where((rms(g) > 0) & (eps2 * rms(g) < eps), eps2 * rms(g), eps)
    root = fim**p + small ** (2 * p)
    m = beta1 * m + (1 - beta1) * clipped(g / root, limit)
    # The decay is a gradient, too: it is divided by the same root, and clipped.
    x = x - lr * (m + weight_decay * clipped(x / root, limit))
    return x, m, fim


dialects = {
    "fadam:pytorch_optimizer": dict(of="pytorch_optimizer.FAdam"),
}
