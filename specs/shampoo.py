"""Shampoo: Preconditioned Stochastic Tensor Optimization. Gupta, Koren & Singer, 2018. arXiv:1802.09568"""

from adaspec.lang import *


def shampoo(
    x: Param,
    g: Grad,
    t: Step,
    stat: Slot = per_axis(zeros.square),
    root: Slot = per_axis(zeros.square),
    m: Slot = first_grad,
    *,
    lr: Rate = 1e-3,
    mu: Decay = 0.0,
    weight_decay: Rate = 0.0,
    decoupled: Flag = False,
    every: Count = 1,
    eps: Rate = 1e-6,
):
    g = g + mu * (m - g)
    if decoupled:
        x = (1 - lr * weight_decay) * x
    else:
        g = g + weight_decay * x
    u = g
    for i in range(x.ndim):
        stat[i] = stat[i] + gram(g, i)
        if t % every == 0:
            root[i] = inverse_root(stat[i], 2 * x.ndim, eps)
        u = along(root[i], u, i)
    # The momentum is of the preconditioned gradients; before the first roots there is no update.
    m = u
    x = x - lr * u
    return x, stat, root, m


dialects = {"shampoo:pytorch_optimizer": dict(of="pytorch_optimizer.Shampoo")}
