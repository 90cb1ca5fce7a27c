"""GaLore: Memory-Efficient LLM Training by Gradient Low-Rank Projection. Zhao et al., 2024. arXiv:2403.03507"""

from adaspec.lang import *


def adam(m: Slot, v: Slot, t: Step, beta1: Decay, beta2: Decay, eps: Rate):
    return m / (1 - beta1**t) / (sqrt(v / (1 - beta2**t)) + eps)


def galore(
    x: Param, g: Grad, t: Step, m: Slot = zeros, v: Slot = zeros,
    p: Slot = zeros.cut(-1, "rank"), m_p: Slot = zeros.cut(-2, "rank"), v_p: Slot = zeros.cut(-2, "rank"),
    q: Slot = zeros.cut(-2, "rank"), m_q: Slot = zeros.cut(-1, "rank"), v_q: Slot = zeros.cut(-1, "rank"), *,
    lr: Rate = 1e-2, rank: Count = 128, gap: Count = 200, scale: Real = 1.0,
    beta1: Decay = 0.9, beta2: Decay = 0.999, eps: Rate = 1e-8, weight_decay: Rate = 0.0,
):  # fmt: skip
    if x.ndim != 2:
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        u = adam(m, v, t, beta1, beta2, eps)
    elif x.shape[0] >= x.shape[1]:
        # The moments have the shorter side of the gradient: a tall one is projected from the left,
        if (t - 1) % gap == 0:
            p, _, _ = svd(g, rank)
        low = p.T @ g
        m_p = beta1 * m_p + (1 - beta1) * low
        v_p = beta2 * v_p + (1 - beta2) * low**2
        u = scale * p @ adam(m_p, v_p, t, beta1, beta2, eps)
    else:
        # and a wide one from the right.
        if (t - 1) % gap == 0:
            _, _, q = svd(g, rank)
        low = g @ q.T
        m_q = beta1 * m_q + (1 - beta1) * low
        v_q = beta2 * v_q + (1 - beta2) * low**2
        u = scale * adam(m_q, v_q, t, beta1, beta2, eps) @ q
    x = x - lr * (u + weight_decay * x)
    return x, m, v, p, m_p, v_p, q, m_q, v_q


dialects = {"galore:optax": dict(of="optax.contrib.galore")}
