"""Adafactor of torch: Sublinear Memory Cost, bounded below. Shazeer & Stern, 2018. arXiv:1804.04235"""

from adaspec.lang import *


def adafactor_torch(
    x: Param,
    g: Grad,
    t: Step,
    row: Slot = zeros.without(-1),
    col: Slot = zeros.without(-2),
    full: Slot = zeros,
    *,
    lr: Rate = 1e-2,
    beta2_decay: Real = -0.8,
    clip: Positive = 1.0,
    eps1: Positive = 1e-8,
    eps2: Positive = 1e-3,
    weight_decay: Rate = 0.0,
):
    beta = 1 - t**beta2_decay
    if x.ndim >= 2:
        row = beta * row + (1 - beta) * mean(g**2, axis=-1)
        col = beta * col + (1 - beta) * mean(g**2, axis=-2)
        v = row[..., :, None] * col[..., None, :] / maximum(mean(row, axis=-1), eps1)[..., None, None]
    else:
        full = beta * full + (1 - beta) * g**2
        v = full
    u = g * rsqrt(maximum(v, eps1**2))
    u = u / maximum(1, rms(u) / clip)
    rate = minimum(lr, 1 / sqrt(t))
    x = (1 - lr * weight_decay) * x - rate * maximum(rms(x), eps2) * u
    return x, row, col, full


# Where it is not told, torch takes for eps1 the machine epsilon of the parameter's dtype: float64's here.
dialects = {
    "adafactor:torch": dict(
        of="torch.optim.Adafactor",
        eps1=2.220446049250313e-16,
        names=dict(clip="d", eps1="eps[0]", eps2="eps[1]", row="row_var", col="col_var", full="variance"),
    ),
}
