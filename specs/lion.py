"""Lion: Symbolic Discovery of Optimization Algorithms. Chen et al., 2023. arXiv:2302.06675"""

from adaspec.lang import *


def lion(
    x: Param,
    g: Grad,
    m: Slot = zeros,
    *,
    lr: Rate = 1e-4,
    beta1: Decay = 0.9,
    beta2: Decay = 0.99,
    weight_decay: Rate = 0.0,
    decoupled: Flag = True,
):
    g = g if decoupled else g + weight_decay * x
    u = sign(beta1 * m + (1 - beta1) * g)
    m = beta2 * m + (1 - beta2) * g
    x = x - lr * (u + weight_decay * x if decoupled else u)
    return x, m


dialects = {
    "lion:paper": dict(),
    "lion:optax": dict(of="optax.lion", lr=1e-2, weight_decay=1e-3, names=dict(decoupled=None, m="mu")),
    "lion:pytorch_optimizer": dict(of="pytorch_optimizer.Lion"),
    "lion:timm": dict(of="timm.optim.lion.Lion"),
    "lion:optimi": dict(of="optimi.Lion", lr=1e-2),
    "lion:keras": dict(of="keras.optimizers.Lion", lr=1e-3, names=dict(decoupled=None, m="momentum")),
}
