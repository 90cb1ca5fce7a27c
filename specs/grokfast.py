"""Grokfast: Accelerated Grokking by Amplifying Slow Gradients. Lee et al., 2024. arXiv:2405.20233"""

from adaspec.lang import *


def grokfast(
    x: Param,
    g: Grad,
    t: Step,
    slow: Slot = first_grad,
    *,
    inner: Rule = "adam",
    alpha: Decay = 0.98,
    lamb: Rate = 2.0,
):
    slow = alpha * slow + (1 - alpha) * g
    x = inner(x, g + lamb * slow, t)
    return x, slow


dialects = {"grokfast:pytorch_optimizer": dict(of="pytorch_optimizer.optimizer.grokfast.gradfilter_ema")}
