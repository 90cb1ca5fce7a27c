"""Schedule-Free-SGD: The Road Less Scheduled. Defazio et al., 2024. arXiv:2405.15682"""

from adaspec.lang import *


def schedule_free_sgd(
    y: Param, g: Grad, t: Step, z: Slot = copy, weights: Shared = 0.0, lr_max: Shared = 0.0, *, lr: Rate = 1.0,
    mu: Decay = 0.9, weight_decay: Rate = 0.0, warmup_steps: Rate = 0.0, r: Rate = 0.0, weight_lr_power: Rate = 2.0,
):  # fmt: skip
    lr_t = lr * minimum(t / maximum(warmup_steps, 1), 1)
    lr_max = maximum(lr_max, lr_t)
    weight = t**r * lr_max**weight_lr_power
    weights = weights + weight
    c = where(weights > 0, weight / weights, 0)

    u = g + weight_decay * y
    # z takes the step, the average x a part c of it; y, where the gradient is taken, lies between them.
    y = y + c * (z - y) - lr_t * (1 - mu * (1 - c)) * u
    z = z - lr_t * u
    return y, z, weights, lr_max


@view("eval")
def average(y: Param, z: Slot, *, mu: Decay):
    """The averaged weights to evaluate."""
    return z + (y - z) / mu


dialects = {
    "schedule_free_sgd:optax": dict(of="optax.contrib.schedule_free_sgd"),
    "sgd_schedule_free:schedulefree": dict(of="schedulefree.SGDScheduleFree"),
    "schedule_free_sgd:pytorch_optimizer": dict(of="pytorch_optimizer.ScheduleFreeSGD"),
}
