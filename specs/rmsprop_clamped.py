"""RMSprop-Clamped: corrected as Adam's, eps bounds the root. After Tieleman & Hinton, 2012, Lecture 6e."""

from adaspec.lang import *


def rmsprop_clamped(
    x: Param,
    g: Grad,
    t: Step,
    v: Slot = zeros,
    *,
    lr: Rate = 2.5e-3,
    decay: Decay = 0.99,
    eps: Rate = 1e-6,
    weight_decay: Rate = 0.0,
):
    v = decay * v + (1 - decay) * g**2
    u = g / maximum(sqrt(v / (1 - decay**t)), eps)
    x = x - lr * (u + weight_decay * x)
    return x, v


dialects = {"rmsprop:heavyball": dict(of="heavyball.RMSprop")}
