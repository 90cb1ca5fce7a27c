"""Schedule-Free-AdamW: The Road Less Scheduled, with warm-up. Defazio et al., 2024. arXiv:2405.15682"""

from adaspec.lang import *


def schedule_free_adamw(
    y: Param, g: Grad, t: Step, z: Slot = copy, v: Slot = zeros, v_max: Slot = zeros, weights: Shared = 0.0,
    lr_max: Shared = 0.0, *, lr: Rate = 2.5e-3, beta1: Decay = 0.9, beta2: Decay = 0.999, eps: Rate = 1e-8,
    eps_root: Rate = 0.0, weight_decay: Rate = 0.0, warmup_steps: Rate = 0.0, r: Rate = 0.0,
    weight_lr_power: Rate = 2.0, decoupling: Rate = 0.0, amsgrad: Flag = False,
):  # fmt: skip
    lr_t = lr * minimum(t / maximum(warmup_steps, 1), 1)
    lr_max = maximum(lr_max, lr_t)
    weight = t**r * lr_max**weight_lr_power
    weights = weights + weight
    c = where(weights > 0, weight / weights, 0)
    c = where(decoupling > 0, minimum(c * (1 - beta1) * decoupling, 1), c)

    v = beta2 * v + (1 - beta2) * g**2
    v_hat = v / (1 - beta2**t)
    if amsgrad:
        v_max = maximum(v_max, v_hat)
    u = g / (sqrt((v_max if amsgrad else v_hat) + eps_root) + eps) + weight_decay * y
    # z takes the step, the average x a part c of it; y, where the gradient is taken, lies between them.
    y = y + c * (z - y) - lr_t * (1 - beta1 * (1 - c)) * u
    z = z - lr_t * u
    return y, z, v, v_max, weights, lr_max


@view("eval")
def average(y: Param, z: Slot, *, beta1: Decay):
    """The averaged weights to evaluate."""
    return z + (y - z) / beta1


dialects = {
    "schedule_free_adamw:optax": dict(of="optax.contrib.schedule_free_adamw"),
    "adamw_schedule_free:schedulefree": dict(of="schedulefree.AdamWScheduleFree"),
    "schedule_free_adamw:pytorch_optimizer": dict(of="pytorch_optimizer.ScheduleFreeAdamW", eps_root=1e-15),
}
