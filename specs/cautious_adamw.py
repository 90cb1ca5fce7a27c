"""Cautious AdamW: Improving Training with One Line of Code. Liang et al., 2024. arXiv:2411.16085"""

from adaspec.lang import *


def cautious_adamw(x: Param, g: Grad, t: Step, *, lr: Rate = 1e-3, weight_decay: Rate = 1e-2):
    x = x - lr * weight_decay * x
    x = cautious(x, g, t, counted=False)
    return x


dialects = {"cautious_adamw:timm": dict(of="timm.optim.adamw.AdamWLegacy")}
