"""Ranger: RAdam, Lookahead and Gradient Centralization. Wright, 2019. github.com/lessw2020 (Ranger-Deep-Learning)"""

from adaspec.lang import *


def ranger(
    x: Param,
    g: Grad,
    t: Step,
    slow: Slot = copy,
    *,
    lr: Rate = 1e-3,
    beta1: Decay = 0.95,
    beta2: Decay = 0.999,
    eps: Rate = 1e-5,
    weight_decay: Rate = 0.0,
    decoupled: Flag = True,
    k: Count = 6,
    alpha: Rate = 0.5,
    centralized: Flag = True,
):
    assert k >= 1, "k counts the fast steps between two slow ones: at least 1"
    if centralized and x.ndim >= 2:
        g = g - spread(mean(g, keep=0), 0)
    x = radam(x, g, t, silent=False)
    if t % k == 0:
        slow = slow + alpha * (x - slow)
        x = slow
    return x, slow


@view("eval")
def slow_weights(x: Param, slow: Slot):
    """The slow weights."""
    return slow


dialects = {"ranger:pytorch_optimizer": dict(threshold=5.0)}
