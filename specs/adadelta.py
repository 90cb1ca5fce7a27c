"""AdaDelta: An Adaptive Learning Rate Method. Zeiler, 2012. arXiv:1212.5701"""

from adaspec.lang import *


def adadelta(
    x: Param,
    g: Grad,
    v: Slot = zeros,
    s: Slot = zeros,
    *,
    lr: Rate = 1.0,
    rho: Decay = 0.95,
    eps: Rate = 1e-6,
    weight_decay: Rate = 0.0,
    decoupled: Flag = False,
):
    g = g if decoupled else g + weight_decay * x
    x = x - lr * weight_decay * x if decoupled else x
    v = rho * v + (1 - rho) * g**2
    d = sqrt(s + eps) / sqrt(v + eps) * g
    s = rho * s + (1 - rho) * d**2
    x = x - lr * d
    return x, v, s


dialects = {
    "adadelta:paper": dict(),
    "adadelta:torch": dict(
        of="torch.optim.Adadelta", rho=0.9, names=dict(decoupled=None, v="square_avg", s="acc_delta")
    ),
    "adadelta:optax": dict(of="optax.adadelta", lr=1e-2, rho=0.9, names=dict(decoupled=None, v="e_g", s="e_x")),
    "adadelta:pytorch_optimizer": dict(of="pytorch_optimizer.AdaDelta", rho=0.9),
    "adadelta:keras": dict(
        of="keras.optimizers.Adadelta",
        lr=1e-3,
        eps=1e-7,
        decoupled=True,
        names=dict(decoupled=None, v="accumulated_grad", s="accumulated_delta_var"),
    ),
}
