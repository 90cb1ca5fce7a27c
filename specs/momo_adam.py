"""MomoAdam: MoMo: Momentum Models for Adaptive Learning Rates. Schaipp et al., 2024. arXiv:2305.07583"""

from adaspec.lang import *


def momo_adam(
    x: Param, g: Grad, t: Step, loss: Input[Scalar],
    m: Slot = zeros, v: Slot = zeros, f: Shared = 0.0, gx: Shared = 0.0, bound: Shared = "lower_bound", *,
    lr: Rate = 1e-2, beta1: Decay = 0.9, beta2: Decay = 0.999, eps: Positive = 1e-8,
    lower_bound: Real = 0.0, weight_decay: Rate = 0.0, adapt: Flag = False,
):  # fmt: skip
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    u = m / (eps + sqrt(v / (1 - beta2**t)))
    f = beta1 * f + (1 - beta1) * loss
    gx = beta1 * gx + (1 - beta1) * total(sum(g * x))
    mx = total(sum(m * x))
    n = total(sum(m * u))
    c = 1 - beta1**t
    w = 1 + lr * weight_decay
    model = w * (f - gx) + mx
    if adapt:
        bound = where(model < w * c * bound, maximum(model / (2 * c * w), lower_bound), bound)
    tau = where(n > 2.220446049250313e-16, minimum(lr / c, maximum(model - w * c * bound, 0) / n), 0)
    if adapt:
        bound = maximum((f + mx - gx - tau * n / 2) / c, lower_bound)
    x = x - lr * weight_decay / w * x - tau * u
    return x, m, v, f, gx, bound


dialects = {"momo_adam:optax": dict(of="optax.contrib.momo_adam")}
