"""ADOPT-Corrected: its averages are corrected as Adam's, no clip. After Taniguchi et al., 2024. arXiv:2411.02853"""

from adaspec.lang import *


def young(beta, t):
    """The decay of an average that needs no correction: that of step t weighs all of its values as if it were old."""
    return 1 - (1 - beta) / (1 - beta**t)


def adopt_corrected(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros,
    *,
    lr: Rate = 2.5e-3,
    beta1: Decay = 0.9,
    beta2: Decay = 0.99,
    eps: Rate = 1e-8,
    weight_decay: Rate = 0.0,
):
    # The first step only measures; those after it divide by the second moment of the step before.
    u = where(t > 1, g / maximum(sqrt(v), eps), 0.0)
    w1 = young(beta1, maximum(t - 1, 1))
    m = w1 * m + (1 - w1) * u
    x = x - lr * (m + where(t > 1, weight_decay, 0.0) * x)
    w2 = young(beta2, t)
    v = w2 * v + (1 - w2) * g**2
    return x, m, v


dialects = {"adopt:heavyball": dict(of="heavyball.ADOPT")}
