"""SGLD: Bayesian Learning via Stochastic Gradient Langevin Dynamics. Welling & Teh, 2011. ICML 2011, pp. 681-688"""

from adaspec.lang import *


@schedule
def rate(t: Step, *, lr: Rate, b: Rate, gamma: Rate):
    """The step size a (b + t)^-gamma: its sum diverges and that of its squares does not for gamma in (1/2, 1]."""
    return lr * (b + t) ** -gamma


def sgld(x: Param, g: Grad, t: Step, *, lr: Rate = 1e-2, b: Rate = 0.0, gamma: Rate = 0.55, seed: Count = 0):
    # g is the gradient of the negative log posterior of the whole data, estimated on a batch.
    a = rate(t, lr=lr, b=b, gamma=gamma)
    x = x - a / 2 * g + sqrt(a) * normal()
    return x
