"""Signum: signSGD, Compressed Optimisation for Non-Convex Problems. Bernstein et al., 2018. arXiv:1802.04434"""

from adaspec.lang import *


def signum(x: Param, g: Grad, m: Slot = zeros, *, lr: Rate = 1e-4, mu: Decay = 0.9):
    m = mu * m + (1 - mu) * g
    x = x - lr * sign(m)
    return x, m


dialects = {
    "signum:paper": dict(),
    "signum:optax": dict(of="optax.signum", lr=1e-2, names=dict(mu="beta", m="ema")),
}
