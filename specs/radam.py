"""RAdam: On the Variance of the Adaptive Learning Rate and Beyond. Liu et al., 2020. arXiv:1908.03265"""

from adaspec.lang import *


def radam(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    eps: Rate = 1e-8,
    threshold: Real = 5.0,
    weight_decay: Rate = 0.0,
    decoupled: Flag = False,
):
    g = g if decoupled else g + weight_decay * x
    x = x - lr * weight_decay * x if decoupled else x
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    most = 2 / (1 - beta2) - 1
    # most - 2 t beta2^t / (1 - beta2^t) cancels while t is small: there by Langevin's function, coth(y) - 1/y.
    y = -t * log(beta2) / 2
    curve = y / (3 + y**2 / (5 + y**2 / (7 + y**2 / (9 + y**2 / (11 + y**2 / (13 + y**2 / (15 + y**2 / 17)))))))
    rho = where(y < 1, t - t * curve + (most + 2 / log(beta2)), most - 2 * t * beta2**t / (1 - beta2**t))
    r = sqrt((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho) * (1 - beta2**t))
    x = x - lr / (1 - beta1**t) * m * where(rho > threshold, r / (sqrt(v) + eps), 1.0)
    return x, m, v


dialects = {
    "radam:paper": dict(threshold=4.0, eps=0.0),
    "radam:torch": dict(of="torch.optim.RAdam"),
}
