"""Momentum-Decoupled: SGDW, Decoupled Weight Decay. Loshchilov & Hutter, 2019. arXiv:1711.05101"""

from adaspec.lang import *


def momentum_decoupled(
    x: Param,
    g: Grad,
    m: Slot = zeros,
    *,
    lr: Rate = 1e-2,
    mu: Decay = 0.9,
    weight_decay: Rate = 5e-4,
):
    m = mu * m + g
    x = x - lr * m - lr * weight_decay * x
    return x, m
