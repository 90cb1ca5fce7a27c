"""Muon of optax: orthogonalized momentum for matrices, AdamW for the rest. Jordan et al., 2024. arXiv:2409.20325"""

from adaspec.lang import *


def orthogonalize(a: Matrix, steps: Count, eps: Positive):
    """Newton-Schulz iteration towards the nearest semi-orthogonal matrix."""
    tall = a.shape[0] > a.shape[1]
    a = a.T if tall else a
    a = a / (norm(a) + eps)
    for _ in range(steps):
        b = a @ a.T
        a = 3.4445 * a + (-4.7750 * b + 2.0315 * b @ b) @ a
    return a.T if tall else a


def muon_optax(
    x: Param, g: Grad, t: Step, m: Slot = zeros, v: Slot = zeros, *, lr: Rate = 1e-2, beta: Decay = 0.95,
    steps: Count = 5, eps: Positive = 1e-8, weight_decay: Rate = 0.0, nesterov: Flag = True, adaptive: Flag = False,
    consistent_rms: Optional[Positive] = None, adam_beta1: Decay = 0.9, adam_beta2: Decay = 0.999,
    adam_weight_decay: Rate = 0.0,
):  # fmt: skip
    matrix = x.ndim == 2
    mu = beta if matrix else adam_beta1
    m = mu * m + (1 - mu) * g
    u = m / (1 - mu**t)
    if nesterov:
        u = mu * m / (1 - mu ** (t + 1)) + (1 - mu) * g / (1 - mu**t)
    if matrix:
        # A kernel is [in, out] here: rows are what a neuron reads, columns the neurons.
        o = orthogonalize(u, steps, eps)
        o = sum(u * o) * o if adaptive else o
        if consistent_rms is not None:
            scale = consistent_rms * sqrt(maximum(x.shape[0], x.shape[1]))
        else:
            scale = sqrt(maximum(1, x.shape[1] / x.shape[0]))
        x = x - lr * (scale * o + weight_decay * x)
    else:
        v = adam_beta2 * v + (1 - adam_beta2) * g**2
        x = x - lr * (u / (sqrt(v / (1 - adam_beta2**t)) + eps) + adam_weight_decay * x)
    return x, m, v


dialects = {
    "muon:optax": dict(of="optax.contrib.muon", names=dict(
        steps="ns_steps", adam_beta1="adam_b1", adam_beta2="adam_b2", m="mu", v="nu")),
}  # fmt: skip
