"""AdaBelief: Adapting Stepsizes by the Belief in Observed Gradients. Zhuang et al., 2020. arXiv:2010.07468"""

from adaspec.lang import *


def adabelief(
    x: Param, g: Grad, t: Step, m: Slot = zeros, s: Slot = zeros, s_max: Slot = zeros, *, lr: Rate = 1e-3,
    beta1: Decay = 0.9, beta2: Decay = 0.999, eps: Rate = 1e-16, eps_root: Rate = 1e-16, weight_decay: Rate = 0.0,
    decoupled: Flag = True, nesterov: Flag = False, amsgrad: Flag = False,
):  # fmt: skip
    if not decoupled:
        g = g + weight_decay * x
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * (g - m) ** 2 + eps_root
    if amsgrad:
        s_max = maximum(s_max, s)
    m_hat = m / (1 - beta1**t)
    if nesterov:
        m_hat = beta1 * m / (1 - beta1 ** (t + 1)) + (1 - beta1) * g / (1 - beta1**t)
    u = m_hat / (sqrt((s_max if amsgrad else s) / (1 - beta2**t)) + eps)
    x = x - lr * (u + weight_decay * x if decoupled else u)
    return x, m, s, s_max


dialects = {
    "adabelief:paper": dict(eps=1e-8, eps_root=1e-8),
    "adabelief:optax": dict(
        of="optax.adabelief", lr=1e-2, names=dict(amsgrad=None, decoupled=None, weight_decay=None, m="mu", s="nu")
    ),
    "adabelief:pytorch_optimizer": dict(of="pytorch_optimizer.AdaBelief"),
}
