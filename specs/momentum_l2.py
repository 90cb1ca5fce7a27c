"""Momentum-L2: momentum with L2, as AlexNet was trained. Krizhevsky et al., 2012. doi:10.1145/3065386"""

from adaspec.lang import *


def momentum_l2(
    x: Param,
    g: Grad,
    m: Slot = zeros,
    *,
    lr: Rate = 1e-2,
    mu: Decay = 0.9,
    weight_decay: Rate = 5e-4,
):
    m = mu * m + g + weight_decay * x
    x = x - lr * m
    return x, m
