"""Schedule-Free-Mean: AdamW without a schedule, all steps of one weight. Defazio et al., 2024. arXiv:2405.15682"""

from adaspec.lang import *


def schedule_free_mean(
    y: Param,
    g: Grad,
    t: Step,
    z: Slot = copy,
    v: Slot = zeros,
    *,
    lr: Rate = 2.5e-3,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    eps: Rate = 1e-8,
    warmup_steps: Rate = 0.0,
    weight_decay: Rate = 0.0,
):
    y = y - lr * weight_decay * y
    v = beta2 * v + (1 - beta2) * g**2
    u = lr * minimum(t / maximum(warmup_steps, 1), 1) * g / (sqrt(v / (1 - beta2**t)) + eps)
    # z takes the step, the average x a part 1/t of it; y, where the gradient is taken, lies between them.
    y = y + (z - y) / t - (1 - beta1 * (1 - 1 / t)) * u
    z = z - u
    return y, z, v


@view("eval")
def average(y: Param, z: Slot, *, beta1: Decay):
    """The averaged weights to evaluate."""
    return z + (y - z) / beta1


dialects = {
    "schedule_free_adamw:keras": dict(of="keras.optimizers.ScheduleFreeAdamW", names=dict(z="momentum", v="velocity")),
}
