"""RMSprop-Scalar: one rate for the whole model, as AdaGrad-Norm has it. Ward et al., 2018. arXiv:1806.01811"""

from adaspec.lang import *


def rmsprop_scalar(
    x: Param,
    g: Grad,
    G: Shared = 0.0,
    *,
    lr: Rate = 1e-3,
    decay: Decay = 0.9,
    eps: Positive = 1e-8,
):
    # One number for all: every parameter moves along its own gradient, so the step keeps the gradient's direction.
    G = decay * G + (1 - decay) * total(sum(g**2))
    x = x - lr * g / sqrt(G + eps)
    return x, G
