"""Optimistic-Descent: Training GANs with Optimism. Daskalakis et al., 2018. arXiv:1711.00141"""

from adaspec.lang import *


def optimistic_descent(
    x: Param,
    g: Grad,
    before: Slot = first_grad,
    *,
    lr: Rate = 1e-2,
    alpha: Rate = 1.0,
    beta: Rate = 1.0,
):
    # beta: how far the next gradient is expected to go on changing as this one did.
    x = x - lr * (alpha * g + beta * (g - before))
    before = g
    return x, before


dialects = {
    "optimistic_gradient_descent:optax": dict(
        of="optax.optimistic_gradient_descent", names=dict(before="previous_gradient")
    )
}
