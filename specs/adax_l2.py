"""AdaX-L2: AdaX with L2, as its authors' code has it. Li et al., 2020. arXiv:2004.09740"""

from adaspec.lang import *


@schedule
def beta2_hat(t: Step, *, beta2: Positive):
    """How much of the past v keeps: 0 at the first step, 1 in the limit."""
    return 1 - beta2 / ((1 + beta2) ** t - 1)


def adax_l2(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros,
    *,
    lr: Rate = 1.5e-3,
    beta1: Decay = 0.9,
    beta2: Positive = 1e-4,
    eps: Positive = 1e-12,
    weight_decay: Rate = 5e-4,
):
    b2 = beta2_hat(t, beta2=beta2)
    g = g + weight_decay * x
    m = beta1 * m + (1 - beta1) * g
    v = b2 * v + (1 - b2) * g**2
    # The code adds eps to the root of the growing, uncorrected v; beside the root of v-hat it shrinks instead.
    x = x - lr * m / (sqrt(v) + eps / sqrt((1 + beta2) ** t - 1))
    return x, m, v


dialects = {
    "adax:official": dict(lr=1.5e-3, beta1=0.9, beta2=1e-4, eps=1e-12, weight_decay=5e-4),
    "adax:bojone-v1": dict(lr=1e-3, beta1=0.9, beta2=1e-4, eps=1e-7, weight_decay=0.0),
}
