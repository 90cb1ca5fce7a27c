"""SGD-Momentum: SGD with a trace of gradients. Sutskever et al., 2013. https://proceedings.mlr.press/v28"""

from adaspec.lang import *


def sgd_momentum(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    *,
    lr: Rate = 1e-2,
    mu: Optional[Decay] = 0.9,
    dampening: Rate = 0.0,
    nesterov: Flag = False,
    weight_decay: Rate = 0.0,
    decoupled: Flag = False,
):
    g = g if decoupled else g + weight_decay * x
    x = (1 - lr * weight_decay) * x if decoupled else x
    if mu is not None:
        # The first gradient enters whole: dampening begins where there is a past to blend it with.
        m = mu * m + where(t > 1, 1 - dampening, 1.0) * g
        g = g + mu * m if nesterov else m
    x = x - lr * g
    return x, m


dialects = {
    "sgd:optax": dict(
        of="optax.sgd", mu=None, names=dict(dampening=None, decoupled=None, weight_decay=None, mu="momentum", m="trace")
    ),
    "sgd:torch": dict(
        of="torch.optim.SGD",
        lr=1e-3,
        mu=None,
        names=dict(decoupled=None, step=None, mu="momentum=0", m="momentum_buffer"),
    ),
    "sgd:optimi": dict(of="optimi.SGD", mu=None),
    "sgd:heavyball": dict(of="heavyball.SGD", lr=2.5e-3, decoupled=True),
    "sgdw:timm": dict(of="timm.optim.sgdw.SGDW", lr=1e-3, mu=None, decoupled=True),
    "sgdw:pytorch_optimizer": dict(of="pytorch_optimizer.SGDW", lr=1e-4, mu=None, decoupled=True),
}
