"""Averaging: Stochastic Gradient Descent for Non-smooth Optimization. Shamir & Zhang, 2013. arXiv:1212.1824"""

from adaspec.lang import *


@schedule
def kept(t: Step, *, eta: Rate):
    """How much of the past the average keeps: with eta = 0 it is the mean of all weights so far (Polyak, Ruppert)."""
    return 1 - (1 + eta) / (t + eta)


def averaging(x: Param, g: Grad, t: Step, average: Slot = copy, *, inner: Rule = "sgd", eta: Rate = 0.0):
    x = inner(x, g, t)
    b = kept(t, eta=eta)
    average = b * average + (1 - b) * x
    return x, average


@view("eval")
def averaged(x: Param, average: Slot):
    """The average of the weights."""
    return average


dialects = {"averaging:torch": dict(of="torch.optim.swa_utils.AveragedModel")}
