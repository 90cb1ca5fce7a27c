"""Adafactor of optax: Sublinear Memory Cost, factored where it pays. Shazeer & Stern, 2018. arXiv:1804.04235"""

from adaspec.lang import *


def adafactor_optax(
    x: Param, g: Grad, t: Step, row: Slot = zeros.without(-1), col: Slot = zeros.without(-2), full: Slot = zeros,
    m: Slot = zeros, *, lr: Rate = 1e-2, decay: Positive = 0.8, least: Count = 128, clip: Optional[Positive] = 1.0,
    momentum: Optional[Decay] = None, eps1: Positive = 1e-30, eps2: Positive = 1e-3, weight_decay: Rate = 0.0,
    scale_parameter: Flag = True,
):  # fmt: skip
    beta = 1 - t**-decay
    g2 = g**2 + eps1
    if x.ndim >= 2 and x.shape[-1] >= least and x.shape[-2] >= least:
        for i in range(x.ndim):
            shorter = x.shape[i] <= x.shape[-1] and x.shape[i] <= x.shape[-2]
            assert shorter or i >= x.ndim - 2, "optax factors the two longest axes: put them last"
        row = beta * row + (1 - beta) * mean(g2, axis=-1)
        col = beta * col + (1 - beta) * mean(g2, axis=-2)
        u = g * rsqrt(row / mean(row, axis=-1)[..., None])[..., :, None] * rsqrt(col)[..., None, :]
    else:
        full = beta * full + (1 - beta) * g2
        u = g * rsqrt(full)
    if clip is not None:
        u = u / maximum(1, rms(u) / clip)
    u = lr * (maximum(rms(x), eps2) if scale_parameter else 1.0) * u
    if momentum is not None:
        m = momentum * m + (1 - momentum) * u
        u = m
    x = (1 - weight_decay) * x - u
    return x, row, col, full, m


dialects = {
    "adafactor:optax": dict(of="optax.adafactor", names=dict(
        decay="decay_rate", least="min_dim_size_to_factor", clip="clipping_threshold", eps1="eps", eps2=None,
        weight_decay="weight_decay_rate", scale_parameter="multiply_by_parameter_scale", row="v_row", col="v_col",
        full="v", m="ema",
    )),
}  # fmt: skip
