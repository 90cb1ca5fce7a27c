"""RAdam-Nesterov: RAdam as optax has it, with Nesterov momentum if wanted. Liu et al., 2020. arXiv:1908.03265"""

from adaspec.lang import *


def langevin(y: Scalar):
    """coth(y) - 1/y for y < 1, by its continued fraction."""
    return y / (3 + y**2 / (5 + y**2 / (7 + y**2 / (9 + y**2 / (11 + y**2 / (13 + y**2 / (15 + y**2 / 17)))))))


def radam_nesterov(
    x: Param, g: Grad, t: Step, m: Slot = zeros, v: Slot = zeros, *, lr: Rate = 1e-3, beta1: Decay = 0.9,
    beta2: Decay = 0.999, eps: Rate = 1e-8, eps_root: Rate = 0.0, threshold: Real = 5.0, nesterov: Flag = True,
):  # fmt: skip
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    if nesterov:
        m_hat = beta1 * m / (1 - beta1 ** (t + 1)) + (1 - beta1) * g / (1 - beta1**t)
    most = 2 / (1 - beta2) - 1
    # As in radam: where the two terms are all but equal, their difference by what is left of both.
    y = -t * log(beta2) / 2
    rho = where(y < 1, t - t * langevin(y) + langevin(y / t), most - 2 * t * beta2**t / (1 - beta2**t))
    long = maximum(rho, 4)
    r = sqrt((long - 4) * (long - 2) * most / ((most - 4) * (most - 2) * long))
    u = m_hat * r / (sqrt(v / (1 - beta2**t) + eps_root) + eps)
    x = x - lr * where(rho >= threshold, u, m_hat)
    return x, m, v


dialects = {"radam:optax": dict(of="optax.radam", lr=1e-2, nesterov=False, names=dict(m="mu", v="nu"))}
