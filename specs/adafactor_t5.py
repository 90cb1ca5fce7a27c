"""Adafactor of T5: Sublinear Memory Cost, with relative steps. Shazeer & Stern, 2018. arXiv:1804.04235"""

from adaspec.lang import *


def adafactor_t5(
    x: Param, g: Grad, t: Step, row: Slot = zeros.without(-1), col: Slot = zeros.without(-2), full: Slot = zeros,
    m: Slot = zeros, *, lr: Rate = 1e-2, beta1: Optional[Decay] = None, decay: Positive = 0.8,
    beta2_most: Positive = 1.0, clip: Positive = 1.0, eps1: Positive = 1e-30, eps2: Positive = 1e-3,
    weight_decay: Rate = 0.0, scale_parameter: Flag = True, relative_step: Flag = True, warmup_init: Flag = False,
):  # fmt: skip
    beta2 = minimum(1 - t**-decay, beta2_most)
    g2 = g**2 + eps1
    if x.ndim >= 2:
        row = beta2 * row + (1 - beta2) * mean(g2, axis=-1)
        col = beta2 * col + (1 - beta2) * mean(g2, axis=-2)
        u = g * rsqrt(row / mean(row, axis=-1)[..., None])[..., :, None] * rsqrt(col)[..., None, :]
    else:
        full = beta2 * full + (1 - beta2) * g2
        u = g * rsqrt(full)
    rate = minimum(1e-6 * t if warmup_init else lr, 1 / sqrt(t)) if relative_step else lr
    rate = rate * (maximum(rms(x), eps2) if scale_parameter else 1.0)
    u = rate * u / maximum(1, rms(u) / clip)
    if beta1 is not None:
        m = beta1 * m + (1 - beta1) * u
        u = m
    x = (1 - rate * weight_decay) * x - u
    return x, row, col, full, m


# pytorch_optimizer keeps m in bfloat16 unless it is told otherwise.
dialects = {
    "adafactor:transformers": dict(of="transformers.optimization.Adafactor"),
    "adafactor:pytorch_optimizer": dict(of="pytorch_optimizer.AdaFactor", beta1=0.9, beta2_most=0.999),
}
