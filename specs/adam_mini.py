"""Adam-mini: Use Fewer Learning Rates To Gain More. Zhang et al., 2024. arXiv:2406.16793"""

from adaspec.lang import *


def adam_mini(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros.scalar,
    row: Slot = zeros.only(0),
    *,
    lr: Rate = 1e-3,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    eps: Positive = 1e-8,
    weight_decay: Rate = 0.0,
    by_row: Flag = True,
):
    m = beta1 * m + (1 - beta1) * g
    # One rate for each output neuron of a matrix, or for each array: the blocks of a Hessian that is nearly diagonal.
    if by_row and x.ndim >= 2:
        row = beta2 * row + (1 - beta2) * mean(g**2, keep=0)
        size = spread(sqrt(row / (1 - beta2**t)), 0)
    else:
        v = beta2 * v + (1 - beta2) * mean(g**2)
        size = sqrt(v / (1 - beta2**t))
    x = (1 - lr * weight_decay) * x - lr * m / (1 - beta1**t) / (size + eps)
    return x, m, v, row


dialects = {
    "adam_mini:pytorch_optimizer": dict(
        of="pytorch_optimizer.AdamMini",
        lr=1.0,
        weight_decay=0.1,
        by_row=False,
    ),
}
