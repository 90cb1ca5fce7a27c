"""Adaptive-SGD: Adaptive Gradient Descent without Descent. Malitsky & Mishchenko, 2020. arXiv:1910.09529"""

from adaspec.lang import *


def adaptive_sgd(
    x: Param, g: Grad, t: Step, rate: Shared = "lr", theta: Shared = "growth", x_before: Shared = 0.0,
    g_before: Shared = 0.0, *, lr: Rate = 0.01, amplifier: Rate = 0.02, growth: Rate = 1.0, dampening: Positive = 1.0,
    eps: Rate = 1e-5, weight_decay: Rate = 0.0, decoupled: Flag = True,
):  # fmt: skip
    x_norm = sqrt(total(sum(x**2)))
    g_norm = sqrt(total(sum(g**2)))
    x_change = where(t > 1, x_norm - x_before, 0)
    g_change = where(t > 1, g_norm - g_before, 0)
    x_before = x_norm
    g_before = g_norm

    # The rate grows, but not beyond the curvature that is seen.
    new = rate * sqrt(1 + amplifier * theta)
    seen = (x_change > 0) & (g_change > 0)
    new = where(seen, minimum(new, x_change / (dampening * where(seen, g_change, 1))) + eps, new)
    theta = where(rate > 0, new / rate, theta)
    rate = new
    if decoupled:
        x = (1 - rate * weight_decay) * x
    x = x - rate * (g if decoupled else g + weight_decay * x)
    return x, rate, theta, x_before, g_before


dialects = {
    "asgd:pytorch_optimizer": dict(of="pytorch_optimizer.ASGD"),
}
