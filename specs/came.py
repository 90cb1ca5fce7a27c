"""CAME: Confidence-Guided Adaptive Memory Efficient Optimization. Luo et al., 2023. arXiv:2307.02047"""

from adaspec.lang import *


def root(row: Array, col: Array):
    """One over the root of the matrix with these means of rows and columns."""
    return rsqrt(row / mean(row, axis=-1)[..., None])[..., :, None] * rsqrt(col)[..., None, :]


def came(
    x: Param, g: Grad, m: Slot = zeros, row: Slot = zeros.without(-1), col: Slot = zeros.without(-2),
    full: Slot = zeros, row_doubt: Slot = zeros.without(-1), col_doubt: Slot = zeros.without(-2), *,
    lr: Rate = 2e-4, beta1: Decay = 0.9, beta2: Decay = 0.999, beta3: Decay = 0.9999, eps1: Positive = 1e-30,
    eps2: Positive = 1e-16, clip: Positive = 1.0, weight_decay: Rate = 0.0,
):  # fmt: skip
    g2 = g**2 + eps1
    if x.ndim >= 2:
        row = beta2 * row + (1 - beta2) * mean(g2, axis=-1)
        col = beta2 * col + (1 - beta2) * mean(g2, axis=-2)
        u = g * root(row, col)
    else:
        full = beta2 * full + (1 - beta2) * g2
        u = g * rsqrt(full)
    u = u / maximum(1, rms(u) / clip)
    m = beta1 * m + (1 - beta1) * u
    step = m
    if x.ndim >= 2:
        doubt = (u - m) ** 2 + eps2
        row_doubt = beta3 * row_doubt + (1 - beta3) * mean(doubt, axis=-1)
        col_doubt = beta3 * col_doubt + (1 - beta3) * mean(doubt, axis=-2)
        step = m * root(row_doubt, col_doubt)
    x = (1 - lr * weight_decay) * x - lr * step
    return x, m, row, col, full, row_doubt, col_doubt


dialects = {
    "came:pytorch_optimizer": dict(of="pytorch_optimizer.CAME"),
}
