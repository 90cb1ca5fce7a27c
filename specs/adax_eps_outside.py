"""AdaX-Eps-Outside: epsilon outside the root, as in bojone's AdaX_V2. Li et al., 2020. arXiv:2004.09740"""

from adaspec.lang import *


@schedule
def beta2_hat(t: Step, *, beta2: Positive):
    """How much of the past v keeps: 0 at the first step, 1 in the limit."""
    return 1 - beta2 / ((1 + beta2) ** t - 1)


def adax_eps_outside(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    beta1: Decay = 0.9,
    beta2: Positive = 1e-4,
    eps: Positive = 1e-6,
):
    b2 = beta2_hat(t, beta2=beta2)
    m = beta1 * m + (1 - beta1) * g
    v = b2 * v + (1 - b2) * g**2
    x = x - lr * m / (sqrt(v) + eps)
    return x, m, v


dialects = {
    "adax:bojone-v2": dict(lr=1e-3, beta1=0.9, beta2=1e-4, eps=1e-6),
}
