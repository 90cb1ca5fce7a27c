"""RAdam-Nesterov: RAdam as optax has it, with Nesterov momentum if wanted. Liu et al., 2020. arXiv:1908.03265"""

from adaspec.lang import *


def radam_nesterov(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    eps: Rate = 1e-8,
    eps_root: Rate = 0.0,
    threshold: Real = 5.0,
    nesterov: Flag = True,
):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    if nesterov:
        m_hat = beta1 * m / (1 - beta1 ** (t + 1)) + (1 - beta1) * g / (1 - beta1**t)
    most = 2 / (1 - beta2) - 1
    # As in radam: the difference that the paper has cancels while t is small, there by Langevin's function.
    y = -t * log(beta2) / 2
    curve = y / (3 + y**2 / (5 + y**2 / (7 + y**2 / (9 + y**2 / (11 + y**2 / (13 + y**2 / (15 + y**2 / 17)))))))
    rho = where(y < 1, t - t * curve + (most + 2 / log(beta2)), most - 2 * t * beta2**t / (1 - beta2**t))
    r = sqrt((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho))
    u = m_hat * r / (sqrt(v / (1 - beta2**t) + eps_root) + eps)
    x = x - lr * where(rho >= threshold, u, m_hat)
    return x, m, v


dialects = {"radam:optax": dict(of="optax.radam", lr=1e-2, nesterov=False)}
