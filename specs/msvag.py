"""MSVAG: Dissecting Adam, The Sign, Magnitude and Variance of Gradients. Balles & Hennig, 2018. arXiv:1705.07774"""

from adaspec.lang import *


def msvag(x: Param, g: Grad, t: Step, m: Slot = zeros, v: Slot = zeros, *, lr: Rate = 0.01, beta: Decay = 0.9):
    m = beta * m + (1 - beta) * g
    v = beta * v + (1 - beta) * g**2
    m_hat = m / (1 - beta**t)
    v_hat = v / (1 - beta**t)
    # rho: the part of the gradients' variance that is left in their average; 1 at the first step.
    rho = minimum((1 + beta**t) * (1 - beta) / ((1 + beta) * (1 - beta**t)), 0.9999)
    s = (v_hat - m_hat**2) / (1 - rho)
    q = m_hat**2 + rho * s
    factor = clip(where(q == 0, 0, m_hat**2 / q), 0, 1)
    x = x - lr * factor * m_hat
    return x, m, v


dialects = {
    "msvag:pytorch_optimizer": dict(of="pytorch_optimizer.MSVAG"),
}
