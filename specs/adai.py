"""Adai: Adaptive Inertia, Disentangling the Effects of Adaptive Learning Rate. Xie et al., 2020. arXiv:2006.15815"""

from adaspec.lang import *


def adai(
    x: Param, g: Grad, t: Step, m: Slot = zeros, v: Slot = zeros, product: Slot = ones, *, lr: Rate = 1e-3,
    beta0: Positive = 0.1, beta2: Decay = 0.99, dampening: Real = 1.0, eps: Positive = 1e-3,
    weight_decay: Rate = 0.0, decoupled: Flag = False,
):  # fmt: skip
    g = g if decoupled else g + weight_decay * x
    v = beta2 * v + (1 - beta2) * g**2
    v_hat = v / (1 - beta2**t)
    # The inertia of each weight, less where its gradients are larger than the model's; one rate for all.
    v_mean = maximum(total(sum(v_hat)) / total(x.size), eps)
    beta1 = clip(1 - beta0 * (v_hat / v_mean) ** (1 / (3 - 2 * dampening)), 0, 1 - eps)
    product = beta1 * product
    m = beta1 * m + (1 - beta1) ** dampening * g
    x = (1 - lr * weight_decay) * x if decoupled else x
    x = x - lr * beta0 ** (1 - dampening) * m / (1 - product)
    return x, m, v, product


dialects = {
    "adai:pytorch_optimizer": dict(of="pytorch_optimizer.Adai"),
}
