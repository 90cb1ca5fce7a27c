"""Sophia: A Scalable Stochastic Second-order Optimizer for Pre-training. Liu et al., 2024. arXiv:2305.14342"""

from adaspec.lang import *


def sophia(
    x: Param,
    g: Grad,
    t: Step,
    h: Optional[Input] = None,
    m: Slot = zeros,
    v: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    beta1: Decay = 0.965,
    beta2: Decay = 0.99,
    gamma: Positive = 0.01,
    limit: Positive = 1.0,
    eps: Positive = 1e-12,
    weight_decay: Rate = 0.0,
    bias_correction: Flag = False,
    late: Flag = False,
):
    m = beta1 * m + (1 - beta1) * g
    if h is not None and not late:  # an estimate of the Hessian's diagonal, as a rule every tenth step
        v = beta2 * v + (1 - beta2) * h
    c = 1 - beta1**t if bias_correction else 1
    u = clip(m / c / maximum(gamma * v, eps), -limit, limit)
    x = x - lr * (u + weight_decay * x)
    if h is not None and late:
        v = beta2 * v + (1 - beta2) * h
    return x, m, v


dialects = {
    "sophia:optax": dict(
        of="optax.contrib.sophia", lr=1e-2, eps=1e-8, weight_decay=1e-4, bias_correction=True, late=True
    ),
    "sophia:pytorch_optimizer": dict(of="pytorch_optimizer.SophiaH", lr=6e-2, beta1=0.96, gamma=1.0, limit=1e-2),
}
