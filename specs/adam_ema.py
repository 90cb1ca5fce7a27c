"""Adam-EMA: Adam as a moving average of v-hat, without a correction of v. Kingma & Ba, 2015. arXiv:1412.6980"""

from adaspec.lang import *


@schedule
def beta2_hat(t: Step, *, beta2: Decay):
    """beta2 (1 - beta2^(t-1)) / (1 - beta2^t), by the weight of the new term: 0 at first, beta2 in the limit."""
    return 1 - (1 - beta2) / (1 - beta2**t)


def adam_ema(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    eps: Positive = 1e-8,
):
    b2 = beta2_hat(t, beta2=beta2)
    m = beta1 * m + (1 - beta1) * g
    v = b2 * v + (1 - b2) * g**2
    m_hat = m / (1 - beta1**t)
    x = x - lr * m_hat / (sqrt(v) + eps)
    return x, m, v
