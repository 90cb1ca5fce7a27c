"""Schedule-Free-RAdam: The Road Less Scheduled, without a warm-up to choose. Defazio et al., 2024. arXiv:2405.15682"""

from adaspec.lang import *


def langevin(y: Scalar):
    """coth(y) - 1/y for y < 1, by its continued fraction."""
    return y / (3 + y**2 / (5 + y**2 / (7 + y**2 / (9 + y**2 / (11 + y**2 / (13 + y**2 / (15 + y**2 / 17)))))))


def schedule_free_radam(
    y: Param, g: Grad, t: Step, z: Slot = copy, v: Slot = zeros, weights: Shared = 0.0, lr_max: Shared = 0.0, *,
    lr: Rate = 2.5e-3, beta1: Decay = 0.9, beta2: Decay = 0.999, eps: Rate = 1e-8, weight_decay: Rate = 0.0,
    r: Rate = 0.0, weight_lr_power: Rate = 2.0, silent: Flag = True,
):  # fmt: skip
    most = 2 / (1 - beta2) - 1
    # As in radam: where the two terms are all but equal, their difference by what is left of both.
    half = -t * log(beta2) / 2
    rho = where(half < 1, t - t * langevin(half) + langevin(half / t), most - 2 * t * beta2**t / (1 - beta2**t))
    long = maximum(rho, 4)
    rectified = sqrt((long - 4) * (long - 2) * most / ((most - 4) * (most - 2) * long))
    # While the variance is not to be trusted, nothing moves (silent), or it is descent.
    lr_t = lr * where(rho > 4, rectified, 0 if silent else 1)
    lr_max = maximum(lr_max, lr_t)
    weight = t**r * lr_max**weight_lr_power
    weights = weights + weight
    c = where(weights > 0, weight / weights, 0)
    v = beta2 * v + (1 - beta2) * g**2
    u = where(rho > 4, g / (sqrt(v / (1 - beta2**t)) + eps), g) + weight_decay * y
    y = y + c * (z - y) - lr_t * (1 - beta1 * (1 - c)) * u
    z = z - lr_t * u
    return y, z, v, weights, lr_max


@view("eval")
def average(y: Param, z: Slot, *, beta1: Decay):
    """The averaged weights to evaluate."""
    return z + (y - z) / beta1


dialects = {
    "radam_schedule_free:schedulefree": dict(of="schedulefree.RAdamScheduleFree"),
    "schedule_free_radam:pytorch_optimizer": dict(of="pytorch_optimizer.ScheduleFreeRAdam"),
}
