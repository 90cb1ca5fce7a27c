"""AdaSmooth: An Adaptive Learning Rate Method based on Effective Ratio. Lu, 2022. arXiv:2204.00825"""

from adaspec.lang import *


def adasmooth(
    x: Param,
    g: Grad,
    v: Slot = zeros,
    before: Slot = copy,
    way: Slot = zeros,
    path: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    beta1: Decay = 0.5,
    beta2: Decay = 0.99,
    eps: Positive = 1e-6,
    weight_decay: Rate = 0.0,
    decoupled: Flag = False,
):
    g = g if decoupled else g + weight_decay * x
    x = (1 - lr * weight_decay) * x if decoupled else x
    # The effective ratio: how far a weight has come, of how far it has gone.
    way = way + (x - before)
    path = path + abs(x - before)
    before = x
    c = (beta2 - beta1) * abs(way) / (path + eps) + (1 - beta2)
    v = v + c**2 * (g**2 - v)
    x = x - lr * g / sqrt(v + eps)
    return x, v, before, way, path


dialects = {
    "adasmooth:pytorch_optimizer": dict(of="pytorch_optimizer.AdaSmooth"),
}
