"""AdaXW: AdaX with decoupled decay, as its authors' code has it. Li et al., 2020. arXiv:2004.09740"""

from adaspec.lang import *


@schedule
def beta2_hat(t: Step, *, beta2: Positive):
    """How much of the past v keeps: 0 at the first step, 1 in the limit."""
    return 1 - beta2 / ((1 + beta2) ** t - 1)


def adaxw(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros,
    *,
    lr: Rate = 5e-3,
    beta1: Decay = 0.9,
    beta2: Positive = 1e-4,
    eps: Positive = 1e-12,
    weight_decay: Rate = 5e-2,
):
    b2 = beta2_hat(t, beta2=beta2)
    m = beta1 * m + (1 - beta1) * g
    v = b2 * v + (1 - b2) * g**2
    # The code adds eps to the root of the growing, uncorrected v; beside the root of v-hat it shrinks instead.
    x = (1 - lr * weight_decay) * x - lr * m / (sqrt(v) + eps / sqrt((1 + beta2) ** t - 1))
    return x, m, v


dialects = {
    "adaxw:official": dict(lr=5e-3, beta1=0.9, beta2=1e-4, eps=1e-12, weight_decay=5e-2),
}
