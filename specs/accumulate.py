"""Accumulate: Scaling Neural Machine Translation. Ott et al., 2018. arXiv:1806.00187"""

from adaspec.lang import *


def accumulate(
    x: Param, g: Grad, t: Step, acc: Slot = zeros, *, inner: Rule = "adam", k: Count = 4, averaged: Flag = True
):
    assert k >= 1, "k counts the gradients that make one: at least 1"
    part = g / k if averaged else g
    if (t - 1) % k == 0:
        acc = part
    else:
        acc = acc + part
    if t % k == 0:
        x = inner(x, acc, (t - 1) // k + 1)
    return x, acc


dialects = {"accumulate:optax": dict(of="optax.MultiSteps")}
