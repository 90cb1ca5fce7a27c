"""Schedule-Free-Clamped: AdamW, each step with its own rate's weight. After Defazio et al., 2024. arXiv:2405.15682"""

from adaspec.lang import *


def schedule_free_clamped(
    y: Param, g: Grad, t: Step, z: Slot = copy, v: Slot = zeros, weights: Shared = 0.0, *, lr: Rate = 2.5e-3,
    beta1: Decay = 0.9, beta2: Decay = 0.99, eps: Rate = 1e-6, weight_decay: Rate = 0.0, warmup_steps: Rate = 0.0,
    r: Rate = 0.0, weight_lr_power: Rate = 2.0,
):  # fmt: skip
    lr_t = lr * minimum(t / (warmup_steps + 1), 1)
    weight = t**r * lr_t**weight_lr_power
    weights = weights + weight
    c = where(weights > 0, weight / weights, 0)  # nothing is averaged before the first rate that is not 0
    v = beta2 * v + (1 - beta2) * g**2
    u = g / maximum(sqrt(v / (1 - beta2**t)), eps) + weight_decay * y
    # z takes the step, the average x a part c of it; y, where the gradient is taken, lies between them.
    y = y + c * (z - y) - lr_t * (1 - beta1 * (1 - c)) * u
    z = z - lr_t * u
    return y, z, v, weights


@view("eval")
def average(y: Param, z: Slot, *, beta1: Decay):
    """The averaged weights to evaluate."""
    return z + (y - z) / beta1


dialects = {"sf_adamw:heavyball": dict(of="heavyball.SFAdamW")}
