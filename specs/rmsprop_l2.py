"""RMSprop-L2: RMSprop with the rate outside of its momentum. After Tieleman & Hinton, 2012, and Graves, 2013."""

from adaspec.lang import *


def rmsprop_l2(
    x: Param,
    g: Grad,
    v: Slot = zeros,
    average: Slot = zeros,
    m: Slot = zeros,
    *,
    lr: Rate = 1e-2,
    decay: Decay = 0.99,
    eps: Rate = 1e-8,
    centered: Flag = False,
    mu: Optional[Decay] = None,
    weight_decay: Rate = 0.0,
):
    g = g + weight_decay * x
    v = decay * v + (1 - decay) * g**2
    s = v
    if centered:
        average = decay * average + (1 - decay) * g
        s = v - average**2
    u = g / (sqrt(s) + eps)
    if mu is not None:
        m = mu * m + u
        u = m
    x = x - lr * u
    return x, v, average, m


dialects = {
    "rmsprop:paper": dict(lr=1e-3, decay=0.9, eps=0.0),
    "rmsprop:torch": dict(
        of="torch.optim.RMSprop",
        names=dict(decay="alpha", mu="momentum=0", v="square_avg", average="grad_avg", m="momentum_buffer"),
    ),
}
