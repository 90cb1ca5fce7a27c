"""AccSGD: On the Insufficiency of Existing Momentum Schemes for SGD. Kidambi et al., 2018. arXiv:1803.05591"""

from adaspec.lang import *


def acc_sgd(
    x: Param,
    g: Grad,
    slow: Slot = copy,
    *,
    lr: Rate = 1e-3,
    kappa: Positive = 1000.0,
    xi: Positive = 10.0,
    constant: Positive = 0.7,
    weight_decay: Rate = 0.0,
):
    g = g + weight_decay * x
    # kappa: the long step is so many short ones; xi: the advantage in statistics, at most the root of kappa.
    beta = xi * constant**2 / kappa
    slow = (1 - beta) * slow + beta * (x - lr * kappa / constant * g)
    x = x - (constant * lr * g + beta * (x - slow)) / (constant + beta)
    return x, slow


dialects = {
    "acc_sgd:pytorch_optimizer": dict(of="pytorch_optimizer.AccSGD"),
}
