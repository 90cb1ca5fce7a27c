"""RAdam: On the Variance of the Adaptive Learning Rate and Beyond. Liu et al., 2020. arXiv:1908.03265"""

from adaspec.lang import *


def langevin(y: Scalar):
    """coth(y) - 1/y for y < 1, by its continued fraction."""
    return y / (3 + y**2 / (5 + y**2 / (7 + y**2 / (9 + y**2 / (11 + y**2 / (13 + y**2 / (15 + y**2 / 17)))))))


def radam(
    x: Param, g: Grad, t: Step, m: Slot = zeros, v: Slot = zeros, *, lr: Rate = 1e-3, beta1: Decay = 0.9,
    beta2: Decay = 0.999, eps: Rate = 1e-8, threshold: Real = 5.0, weight_decay: Rate = 0.0, decoupled: Flag = False,
    eps_hat: Flag = True, silent: Flag = False,
):  # fmt: skip
    g = g if decoupled else g + weight_decay * x
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    most = 2 / (1 - beta2) - 1
    # Where most and 2 t beta2^t / (1 - beta2^t) are all but equal, their difference by what is left of both.
    y = -t * log(beta2) / 2
    rho = where(y < 1, t - t * langevin(y) + langevin(y / t), most - 2 * t * beta2**t / (1 - beta2**t))
    long = maximum(rho, 4)
    r = sqrt((long - 4) * (long - 2) * most / ((most - 4) * (most - 2) * long))
    root = sqrt(v / (1 - beta2**t)) + (eps / sqrt(1 - beta2**t) if eps_hat else eps)
    u = m / (1 - beta1**t) * where(rho > threshold, r / root, 0.0 if silent else 1.0)
    decay = where(rho > threshold, weight_decay, 0.0) if silent else weight_decay
    x = x - lr * (u + decay * x if decoupled else u)
    return x, m, v


dialects = {
    "radam:paper": dict(threshold=4.0, eps=0.0),
    "radam:torch": dict(
        of="torch.optim.RAdam",
        names=dict(
            eps_hat=None, silent=None, threshold=None, decoupled="decoupled_weight_decay", m="exp_avg", v="exp_avg_sq"
        ),
    ),
    "radam:timm": dict(of="timm.optim.radam.RAdamLegacy", decoupled=True),
    "radam:optimi": dict(of="optimi.RAdam", lr=1e-2, beta2=0.99, eps=1e-6, eps_hat=False),
    "radam:pytorch_optimizer": dict(of="pytorch_optimizer.RAdam", decoupled=True, silent=True),
}
