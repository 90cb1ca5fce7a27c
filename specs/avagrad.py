"""AvaGrad: Domain-Independent Dominance of Adaptive Methods. Savarese et al., 2019. arXiv:1912.01823"""

from adaspec.lang import *


def avagrad(
    x: Param, g: Grad, t: Step, m: Slot = zeros, v: Slot = zeros, gamma: Shared = 0.0, *, lr: Rate = 0.1,
    beta1: Decay = 0.9, beta2: Decay = 0.999, eps: Positive = 0.1, weight_decay: Rate = 0.0, decoupled: Flag = True,
):  # fmt: skip
    g = g if decoupled else g + weight_decay * x
    x = (1 - lr * weight_decay) * x if decoupled else x
    m = beta1 * m + (1 - beta1) * g
    # The rate of each weight comes from the past alone; gamma makes all of them together as long as lr;
    # it is 0 in the first step, which has no past.
    u = sqrt(v / (1 - beta2 ** maximum(t - 1, 1))) + eps
    x = x - gamma * lr / (1 - beta1**t) * m / u
    w = sqrt(v / (1 - beta2**t)) + eps
    gamma = 1 / sqrt(total(sum(1 / w**2)) / total(x.size))
    v = beta2 * v + (1 - beta2) * g**2
    return x, m, v, gamma


dialects = {
    "avagrad:pytorch_optimizer": dict(of="pytorch_optimizer.AvaGrad"),
}
