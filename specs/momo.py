"""MoMo: Momentum Models for Adaptive Learning Rates. Schaipp et al., 2024. arXiv:2305.07583"""

from adaspec.lang import *


def momo(
    x: Param,
    g: Grad,
    t: Step,
    loss: Input[Scalar],
    m: Slot = zeros,
    f: Shared = 0.0,
    gx: Shared = 0.0,
    bound: Shared = "lower_bound",
    *,
    lr: Rate = 1.0,
    beta: Decay = 0.9,
    lower_bound: Real = 0.0,
    weight_decay: Rate = 0.0,
    adapt: Flag = False,
):
    b = where(t == 1, 0, beta)
    m = b * m + (1 - b) * g
    f = b * f + (1 - b) * loss
    gx = b * gx + (1 - b) * total(sum(g * x))
    mx = total(sum(m * x))
    n = total(sum(m**2))
    w = 1 + lr * weight_decay
    model = w * (f - gx) + mx
    if adapt:
        bound = where(model < w * bound, maximum(model / (2 * w), lower_bound), bound)
    tau = where(n > 2.220446049250313e-16, minimum(lr, maximum(model - w * bound, 0) / n), 0)
    if adapt:
        bound = maximum(f + mx - gx - tau * n / 2, lower_bound)
    x = x - lr * weight_decay / w * x - tau * m
    return x, m, f, gx, bound


dialects = {"momo:optax": dict(of="optax.contrib.momo")}
