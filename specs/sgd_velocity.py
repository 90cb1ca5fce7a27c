"""SGD-Velocity: momentum that carries its own rate. Sutskever et al., 2013. https://proceedings.mlr.press/v28"""

from adaspec.lang import *


def sgd_velocity(
    x: Param,
    g: Grad,
    v: Slot = zeros,
    *,
    lr: Rate = 1e-2,
    mu: Optional[Decay] = 0.9,
    nesterov: Flag = False,
    weight_decay: Rate = 0.0,
):
    x = x - lr * weight_decay * x
    if mu is not None:
        # The rate is inside: a new rate holds for new gradients, the past keeps the rate that it came with.
        v = mu * v - lr * g
        x = x + (mu * v - lr * g if nesterov else v)
    else:
        x = x - lr * g
    return x, v


dialects = {
    "nesterov:paper": dict(nesterov=True),
    "sgd:keras": dict(of="keras.optimizers.SGD", mu=None, names=dict(mu="momentum=0", v="momentum")),
}
