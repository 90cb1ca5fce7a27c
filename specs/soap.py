"""SOAP: Improving and Stabilizing Shampoo using Adam. Vyas et al., 2024. arXiv:2409.11321"""

from adaspec.lang import *


def soap(
    x: Param, g: Grad, t: Step, m: Slot = zeros, v: Slot = zeros,
    stat: Slot = per_axis(zeros.square), q: Slot = per_axis(zeros.square), *,
    lr: Rate = 3e-3, beta1: Decay = 0.95, beta2: Decay = 0.95, shampoo_beta: Decay = 0.95,
    weight_decay: Rate = 1e-2, every: Count = 10, largest: Count = 10000, eps: Rate = 1e-8,
):  # fmt: skip
    # The first gradient only makes the bases: no parameter moves.
    if t > 1:
        u = g
        m = beta1 * m + (1 - beta1) * g
        n = m
        for i in range(x.ndim):
            if x.ndim > 1 and x.shape[i] <= largest:
                u = along(q[i].T, u, i)
                n = along(q[i].T, n, i)
        v = beta2 * v + (1 - beta2) * u**2
        n = n / (sqrt(v) + eps)
        for i in range(x.ndim):
            if x.ndim > 1 and x.shape[i] <= largest:
                n = along(q[i], n, i)
        done = maximum(t - 1, 1)  # at least 1 here, so that the corrections keep their digits
        x = (1 - lr * weight_decay) * (x - lr * sqrt(1 - beta2**done) / (1 - beta1**done) * n)
    for i in range(x.ndim):
        if x.ndim > 1 and x.shape[i] <= largest:
            stat[i] = shampoo_beta * stat[i] + (1 - shampoo_beta) * gram(g, i)
            if t == 1:
                _, q[i] = eigh(stat[i])
            elif (t - 1) % every == 0:
                power = stat[i] @ q[i]
                order = -sum(q[i] * power, axis=-2)
                v = fold(take(unfold(v, i), argsort(order), axis=-2), i)
                q[i], _ = qr(take(power, argsort(order), axis=-1))
    return x, m, v, stat, q


dialects = {"soap:pytorch_optimizer": dict(of="pytorch_optimizer.SOAP")}
