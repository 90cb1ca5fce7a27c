"""AdaGrad: Adaptive Subgradient Methods for Online Learning. Duchi et al., 2011. https://jmlr.org/papers/v12/duchi11a"""

from adaspec.lang import *


def adagrad(
    x: Param,
    g: Grad,
    t: Step,
    v: Slot = full("initial"),
    *,
    lr: Rate = 1e-2,
    lr_decay: Rate = 0.0,
    initial: Rate = 0.0,
    eps: Rate = 1e-10,
    eps_inside: Flag = False,
    weight_decay: Rate = 0.0,
    decoupled: Flag = False,
):
    g = g if decoupled else g + weight_decay * x
    x = x - lr * weight_decay * x if decoupled else x
    v = v + g**2
    lr_t = lr / (1 + (t - 1) * lr_decay)
    x = x - lr_t * g / (sqrt(v + eps) if eps_inside else sqrt(v) + eps)
    return x, v


dialects = {
    "adagrad:paper": dict(),
    "adagrad:torch": dict(of="torch.optim.Adagrad", names=dict(decoupled=None, eps_inside=None,
        initial="initial_accumulator_value", v="sum")),
    "adagrad:optax": dict(of="optax.adagrad", initial=0.1, eps=1e-7, eps_inside=True, names=dict(decoupled=None,
        eps_inside=None, lr_decay=None, weight_decay=None, initial="initial_accumulator_value",
        v="sum_of_squares")),
    "adagrad:keras": dict(of="keras.optimizers.Adagrad", lr=1e-3, initial=0.1, eps=1e-7, eps_inside=True,
        decoupled=True, names=dict(decoupled=None, eps_inside=None, lr_decay=None,
        initial="initial_accumulator_value", v="accumulator")),
}  # fmt: skip
