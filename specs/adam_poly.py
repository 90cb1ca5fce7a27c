"""Adam-Poly: Adam with Adafactor's polynomial schedule of beta2. Shazeer & Stern, 2018. arXiv:1804.04235"""

from adaspec.lang import *


@schedule
def beta2_hat(t: Step, *, c: Positive):
    """How much of the past v keeps: 0 at the first step, 1 in the limit."""
    return 1 - t**-c


def adam_poly(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    beta1: Decay = 0.9,
    c: Positive = 0.8,
    eps: Positive = 1e-8,
):
    b2 = beta2_hat(t, c=c)
    m = beta1 * m + (1 - beta1) * g
    v = b2 * v + (1 - b2) * g**2
    m_hat = m / (1 - beta1**t)
    x = x - lr * m_hat / (sqrt(v) + eps)
    return x, m, v
