"""SRMM: Stochastic Regularized Majorization-Minimization. Lyu, 2022. arXiv:2201.01652"""

from adaspec.lang import *


def srmm(
    x: Param,
    g: Grad,
    t: Step,
    mean_g: Slot = zeros,
    mean_x: Slot = zeros,
    *,
    lr: Rate = 0.01,
    beta: Rate = 0.5,
    memory: Positive = 100.0,
):
    # The weight of what is new falls within each window of memory steps, and begins anew with the next.
    w = (t % memory + 1) ** -beta
    mean_g = mean_g + w * (g - mean_g)
    mean_x = mean_x + w * (x - mean_x) - lr * mean_g
    x = mean_x
    return x, mean_g, mean_x


dialects = {
    "srmm:pytorch_optimizer": dict(of="pytorch_optimizer.SRMM"),
}
