"""Momentum: Speeding Up the Convergence of Iteration Methods. Polyak, 1964. doi:10.1016/0041-5553(64)90137-5"""

from adaspec.lang import *


def momentum(x: Param, g: Grad, m: Slot = zeros, *, lr: Rate = 1e-2, mu: Decay = 0.9):
    m = mu * m + g
    x = x - lr * m
    return x, m


dialects = {"momentum:paper": dict()}
