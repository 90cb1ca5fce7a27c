"""Tiger: A Tight-fisted Optimizer. Su, 2022. https://github.com/bojone/tiger"""

from adaspec.lang import *


def tiger(
    x: Param,
    g: Grad,
    m: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    beta: Decay = 0.965,
    weight_decay: Rate = 0.01,
    decoupled: Flag = True,
):
    g = g if decoupled else g + weight_decay * x
    m = beta * m + (1 - beta) * g
    x = (1 - lr * weight_decay) * x if decoupled else x
    x = x - lr * sign(m)
    return x, m


dialects = {
    "tiger:pytorch_optimizer": dict(of="pytorch_optimizer.Tiger"),
    "sign_sgd:pytorch_optimizer": dict(of="pytorch_optimizer.SignSGD", beta=0.9, weight_decay=0.0),
}
