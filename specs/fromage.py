"""Fromage: On the Distance between Two Neural Networks. Bernstein et al., 2020. arXiv:2002.03432"""

from adaspec.lang import *


def fromage(x: Param, g: Grad, *, lr: Rate = 1e-2, min_norm: Rate = 1e-6):
    x_norm = maximum(norm(x), min_norm)
    g_norm = maximum(norm(g), min_norm)
    trust = where((x_norm > 0) & (g_norm > 0), x_norm / g_norm, 1.0)
    x = (x - lr * trust * g) / sqrt(1 + lr**2)
    return x


dialects = {
    "fromage:paper": dict(min_norm=0.0),
    "fromage:optax": dict(of="optax.fromage"),
    "fromage:pytorch_optimizer": dict(of="pytorch_optimizer.Fromage", min_norm=0.0),
}
