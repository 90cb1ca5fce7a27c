"""RMSprop: Lecture 6e. Tieleman & Hinton, 2012. https://www.cs.toronto.edu/~hinton/coursera/lecture6/lec6.pdf"""

from adaspec.lang import *


def rmsprop(
    x: Param,
    g: Grad,
    v: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    decay: Decay = 0.9,
    eps: Positive = 1e-8,
):
    v = decay * v + (1 - decay) * g**2
    x = x - lr * g / sqrt(v + eps)
    return x, v


dialects = {
    "rmsprop:keras": dict(lr=1e-3, decay=0.9, eps=1e-7),
    "rmsprop:optax": dict(decay=0.9, eps=1e-8),
}
