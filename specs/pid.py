"""PID: A PID Controller Approach for Stochastic Optimization of Deep Networks. An et al., 2018. CVPR 2018"""

from adaspec.lang import *


def pid(
    x: Param,
    g: Grad,
    t: Step,
    i: Slot = zeros,
    d: Slot = zeros,
    last: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    mu: Optional[Decay] = 0.9,
    dampening: Real = 0.0,
    integral: Real = 5.0,
    derivative: Real = 10.0,
    weight_decay: Rate = 0.0,
    decoupled: Flag = False,
):
    g = g if decoupled else g + weight_decay * x
    x = (1 - lr * weight_decay) * x if decoupled else x
    if mu is not None:
        i = mu * i + (1 - dampening) * g
        d = mu * d + (1 - mu) * where(t > 1, g - last, 0)
        last = g
        g = g + integral * i + derivative * d
    x = x - lr * g
    return x, i, d, last


dialects = {
    "pid:pytorch_optimizer": dict(of="pytorch_optimizer.PID", mu=None),
}
