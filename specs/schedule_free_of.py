"""Schedule-Free-Of: The Road Less Scheduled. Defazio et al., 2024. arXiv:2405.15682"""

from adaspec.lang import *


def schedule_free_of(
    y: Param,
    g: Grad,
    t: Step,
    z: Slot = copy,
    top: Shared = 0.0,
    weight: Shared = 0.0,
    *,
    inner: Rule = "sgd",
    lr: Rate = 1e-2,
    beta: Decay = 0.9,
    power: Rate = 2.0,
):
    x = average(y, z, beta=beta)
    z = z + (inner(y, g, t, lr=lr) - y)
    top = maximum(top, lr)
    weight = weight + top**power
    c = where(weight > 0, top**power / weight, 0.0)
    x = (1 - c) * x + c * z
    y = x + (1 - beta) * (z - x)
    return y, z, top, weight


@view("eval")
def average(y: Param, z: Slot, *, beta: Decay):
    """The averaged weights to evaluate; training holds y, a blend of them with z."""
    return y + (1 - beta) / beta * (y - z)


dialects = {"schedule_free_of:optax": dict(of="optax.contrib.schedule_free")}
