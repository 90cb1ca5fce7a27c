"""Decay: Decoupled Weight Decay Regularization. Loshchilov & Hutter, 2019. arXiv:1711.05101"""

from adaspec.lang import *


def decay(x: Param, g: Grad, t: Step, *, inner: Rule = "adam", lr: Rate = 1e-3, weight_decay: Rate = 1e-2):
    x = x - lr * weight_decay * x
    x = inner(x, g, t, lr=lr)
    return x
