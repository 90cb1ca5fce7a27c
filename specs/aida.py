"""Aida: Suppressing the Range of the Adaptive Stepsizes of Adam. Zhang, 2023. arXiv:2302.01029"""

from adaspec.lang import *


def aida(
    x: Param, g: Grad, t: Step, m: Slot = zeros, v: Slot = zeros, v_max: Slot = zeros, *, lr: Rate = 1e-3,
    beta1: Decay = 0.9, beta2: Decay = 0.999, k: Count = 2, xi: Positive = 1e-20, eps: Positive = 1e-8,
    eps_root: Rate = 0.0, weight_decay: Rate = 0.0, decoupled: Flag = False, amsgrad: Flag = False,
):  # fmt: skip
    g = g if decoupled else g + weight_decay * x
    m = beta1 * m + (1 - beta1) * g
    # k times each is projected onto the other: v sees what is left between them.
    a = g
    b = m
    for _ in range(k):
        dot = sum(a * b)
        of_a = dot / (sum(a**2) + xi)
        of_b = dot / (sum(b**2) + xi)
        a = of_a * a
        b = of_b * b
    v = beta2 * v + (1 - beta2) * (b - a) ** 2 + eps
    if amsgrad:
        v_max = maximum(v_max, v)
    x = (1 - lr * weight_decay) * x if decoupled else x
    lr_t = lr * sqrt(1 - beta2**t) / (1 - beta1**t)
    x = x - lr_t * m / (sqrt((v_max if amsgrad else v) + eps_root) + eps)
    return x, m, v, v_max


dialects = {
    "aida:pytorch_optimizer": dict(of="pytorch_optimizer.Aida", eps_root=1e-15),
}
