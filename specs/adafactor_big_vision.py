"""Adafactor of Big Vision: Scaling Vision Transformers. Zhai et al., 2021. arXiv:2106.04560"""

from adaspec.lang import *


def adafactor_big_vision(
    x: Param, g: Grad, t: Step, row: Slot = zeros.without(-1), col: Slot = zeros.without(-2), full: Slot = zeros,
    m: Slot = zeros, *, lr: Rate = 1.0, decay: Positive = 0.8, beta2_most: Positive = 0.999, least: Count = 16,
    clip: Optional[Positive] = None, momentum: Optional[Decay] = 0.9, eps: Positive = 1e-30,
    weight_decay: Rate = 0.0, unscaled_decay: Flag = False,
):  # fmt: skip
    beta = minimum(1 - t**-decay, beta2_most)
    g2 = g**2 + eps
    if x.ndim >= 2 and x.shape[-1] >= least and x.shape[-2] >= least:
        for i in range(x.ndim):
            shorter = x.shape[i] <= x.shape[-1] and x.shape[i] <= x.shape[-2]
            assert shorter or i >= x.ndim - 2, "it factors the two longest axes: put them last"
        row = beta * row + (1 - beta) * mean(g2, axis=-1)
        col = beta * col + (1 - beta) * mean(g2, axis=-2)
        u = g * rsqrt(row / mean(row, axis=-1)[..., None])[..., :, None] * rsqrt(col)[..., None, :]
    else:
        full = beta * full + (1 - beta) * g2
        u = g * rsqrt(full)
    if clip is not None:
        u = u / maximum(1, rms(u) / clip)
    if momentum is not None:
        m = momentum * m + (1 - momentum) * u
        u = m
    x = (1 - (1.0 if unscaled_decay else lr) * weight_decay) * x - lr * u
    return x, row, col, full, m


# timm keeps m in bfloat16 unless it is told otherwise.
dialects = {
    "adafactor:big_vision": dict(of="timm.optim.AdafactorBigVision"),
}
