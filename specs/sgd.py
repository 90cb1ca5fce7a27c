"""SGD: a Stochastic Approximation Method. Robbins & Monro, 1951. doi:10.1214/aoms/1177729586"""

from adaspec.lang import *


def sgd(x: Param, g: Grad, *, lr: Rate = 1e-2):
    x = x - lr * g
    return x


dialects = {"sgd:paper": dict()}
