"""MSVAG: Dissecting Adam, The Sign, Magnitude and Variance of Gradients. Balles & Hennig, 2018. arXiv:1705.07774"""

from adaspec.lang import *


def msvag(x: Param, g: Grad, t: Step, m: Slot = zeros, s: Slot = zeros, *, lr: Rate = 0.01, beta: Decay = 0.9):
    # Mean and variance of the gradients so far, weighted as in Adam: no difference of two large squares.
    kept = beta * (1 - beta ** (t - 1)) / (1 - beta**t)
    w = 1 - kept
    d = g - m
    m = m + w * d
    s = kept * (s + w * d**2)
    # rho: the part of the gradients' variance that is left in their average; 1 at the first step.
    rho = minimum((1 + beta**t) * (1 - beta) / ((1 + beta) * (1 - beta**t)), 0.9999)
    q = m**2 + rho / (1 - rho) * s
    x = x - lr * where(q > 0, m**2 / q, 0) * m
    return x, m, s


dialects = {
    "msvag:pytorch_optimizer": dict(of="pytorch_optimizer.MSVAG"),
}
