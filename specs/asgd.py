"""ASGD: Acceleration of Stochastic Approximation by Averaging. Polyak & Juditsky, 1992. doi:10.1137/0330046"""

from adaspec.lang import *


def asgd(
    x: Param,
    g: Grad,
    t: Step,
    average: Slot = copy,
    eta: Slot = full("lr").scalar,
    mu: Slot = ones.scalar,
    *,
    lr: Rate = 1e-2,
    lambd: Rate = 1e-4,
    alpha: Rate = 0.75,
    t0: Rate = 1e6,
    weight_decay: Rate = 0.0,
):
    g = g + weight_decay * x
    x = x - lambd * eta * x - eta * g
    average = average + mu * (x - average)
    eta = lr / (1 + lambd * lr * t) ** alpha
    mu = 1 / maximum(1.0, t - t0)
    return x, average, eta, mu


@view("average")
def averaged(average: Slot):
    """The mean of the weights since step t0."""
    return average


dialects = {
    "asgd:torch": dict(of="torch.optim.ASGD", names=dict(average="ax", eta="eta", mu="mu")),
}
