"""AdaHessian: An Adaptive Second Order Optimizer for Machine Learning. Yao et al., 2021. arXiv:2006.00719"""

from adaspec.lang import *


def adahessian(
    x: Param,
    g: Grad,
    t: Step,
    h: Optional[Input] = None,
    m: Slot = zeros,
    v: Slot = zeros,
    *,
    lr: Rate = 0.1,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    eps: Positive = 1e-8,
    weight_decay: Rate = 0.0,
    power: Rate = 1.0,
):
    m = beta1 * m + (1 - beta1) * g
    if h is not None:  # an estimate of the Hessian's diagonal: z * (H @ z) for signs z
        v = beta2 * v + (1 - beta2) * h**2
    u = m / (1 - beta1**t) / ((v / (1 - beta2**t)) ** (power / 2) + eps)
    x = x - lr * (u + weight_decay * x)
    return x, m, v


dialects = {
    "adahessian:timm": dict(of="timm.optim.Adahessian"),
    "adahessian:pytorch_optimizer": dict(of="pytorch_optimizer.AdaHessian", eps=1e-16),
}
