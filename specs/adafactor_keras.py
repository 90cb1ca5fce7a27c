"""Adafactor of Keras: Sublinear Memory Cost, its decay first. Shazeer & Stern, 2018. arXiv:1804.04235"""

from adaspec.lang import *


def adafactor_keras(
    x: Param,
    g: Grad,
    t: Step,
    row: Slot = zeros.without(-1),
    col: Slot = zeros.without(-2),
    full: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    decay: Positive = 0.8,
    clip: Positive = 1.0,
    eps1: Positive = 1e-30,
    eps2: Positive = 1e-3,
    weight_decay: Rate = 0.0,
):
    x = (1 - lr * weight_decay) * x
    beta = 1 - t**-decay
    g2 = g**2 + eps1
    if x.ndim >= 2:
        row = beta * row + (1 - beta) * mean(g2, axis=-1)
        col = beta * col + (1 - beta) * mean(g2, axis=-2)
        v = row[..., :, None] * col[..., None, :] / mean(row, axis=-1)[..., None, None]
    else:
        full = beta * full + (1 - beta) * g2
        v = full
    u = g / sqrt(v)
    u = u / maximum(1, rms(u) / clip)
    x = x - minimum(lr, 1 / sqrt(t)) * maximum(rms(x), eps2) * u
    return x, row, col, full


dialects = {
    "adafactor:keras": dict(of="keras.optimizers.Adafactor"),
}
