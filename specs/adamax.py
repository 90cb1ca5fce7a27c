"""AdaMax: Adam by the infinity norm, section 7.1 of the paper. Kingma & Ba, 2015. arXiv:1412.6980"""

from adaspec.lang import *


def adamax(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    u: Slot = zeros,
    *,
    lr: Rate = 2e-3,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    eps: Rate = 1e-8,
    eps_outside: Flag = False,
    weight_decay: Rate = 0.0,
    decoupled: Flag = False,
):
    g = g if decoupled else g + weight_decay * x
    x = x - lr * weight_decay * x if decoupled else x
    m = beta1 * m + (1 - beta1) * g
    u = maximum(beta2 * u, abs(g) if eps_outside else abs(g) + eps)
    x = x - lr / (1 - beta1**t) * m / (u + eps if eps_outside else u)
    return x, m, u


dialects = {
    "adamax:paper": dict(eps=0.0),
    "adamax:torch": dict(of="torch.optim.Adamax", names=dict(decoupled=None, eps_outside=None, m="exp_avg",
        u="exp_inf")),
    "adamax:optax": dict(of="optax.adamax", lr=1e-2, names=dict(decoupled=None, eps_outside=None, weight_decay=None,
        m="mu", u="nu")),
    "adamaxw:optax": dict(of="optax.adamaxw", lr=1e-2, weight_decay=1e-4, decoupled=True, names=dict(decoupled=None,
        eps_outside=None, m="mu", u="nu")),
    "adamax:pytorch_optimizer": dict(of="pytorch_optimizer.AdaMax", lr=1e-3),
    "adamax:keras": dict(of="keras.optimizers.Adamax", lr=1e-3, eps=1e-7, eps_outside=True, decoupled=True,
        names=dict(decoupled=None, eps_outside=None, m="momentum", u="norm")),
}  # fmt: skip
