"""COCOB: Training Deep Networks without Learning Rates. Orabona & Tommasi, 2017. arXiv:1705.07795"""

from adaspec.lang import *


def cocob(
    x: Param,
    g: Grad,
    x0: Slot = copy,
    won: Slot = zeros,
    largest: Slot = full("eps"),
    size: Slot = zeros,
    reward: Slot = zeros,
    *,
    lr: Rate = 1.0,
    alpha: Positive = 100.0,
    eps: Positive = 1e-8,
    weight_decay: Rate = 0.0,
):
    g = lr * (g + weight_decay * x)
    largest = maximum(largest, abs(g))
    size = size + abs(g)
    reward = maximum(reward - g * (x - x0), 0.0)
    won = won - g
    x = x0 + won / (largest * maximum(size + largest, alpha * largest)) * (largest + reward)
    return x, x0, won, largest, size, reward


dialects = {
    "cocob:paper": dict(),
    "cocob:optax": dict(
        of="optax.contrib.cocob",
        names=dict(
            x0="init_particles", won="cumulative_gradients", largest="scale", size="subgradients", reward="reward"
        ),
    ),
}
