"""Cautious: Cautious Optimizers: Improving Training with One Line of Code. Liang et al., 2024. arXiv:2411.16085"""

from adaspec.lang import *


def cautious(x: Param, g: Grad, t: Step, *, inner: Rule = "adam", floor_mean: Rate = 1e-3, counted: Flag = False):
    u = x - inner(x, g, t)
    agrees = where(u * g > 0, 1.0, 0.0)
    if counted:  # the paper's scale, whose one keeps it finite where nothing agrees
        scale = x.size / (sum(agrees) + 1)
    else:
        scale = 1 / maximum(mean(agrees), floor_mean)
    x = x - scale * agrees * u
    return x


dialects = {
    "cautious:pytorch_optimizer": dict(
        of="pytorch_optimizer.base.optimizer.BaseOptimizer.apply_cautious", counted=True
    ),
}
