"""PSGDKron: Curvature-Informed SGD via General Purpose Lie-Group Preconditioners. Pooladzandi 2024. arXiv:2402.04553"""

from adaspec.lang import *


def spectral(s: Array):
    """A lower bound of the largest eigenvalue of a symmetric matrix, by two steps from its largest row."""
    k = max(abs(s)) + 1.2e-38
    s = s / k
    c = sum(s**2, axis=-1)
    y = s @ (s @ where(c == max(c), 1.0, 0.0)[..., None])
    return k * norm(s @ (y / maximum(norm(y), 1.2e-38)))


def psgd_kron(
    x: Param, g: Grad, t: Step, m: Slot = zeros, q: Slot = per_axis(eye), wait: Shared = 0.0, *, lr: Rate = 1e-3,
    mu: Decay = 0.9, weight_decay: Rate = 0.0, rate: Rate = 0.1, most: Rate = 1.0, least: Positive = 0.03,
    fall: Rate = 1e-3, flat: Rate = 500.0, seed: Count = 0,
):  # fmt: skip
    assert x.ndim > 1, "give vectors to psgd_diag"
    m = mu * m + (1 - mu) * g
    u = m / (1 - mu**t)
    due = 1 / clip(most * exp(minimum(fall * (flat + 1 - t), 0)), least, most)
    if wait + 1 >= due:
        a = u
        b = normal()
        for i in range(x.ndim):
            a = along(q[i], a, i)
            b = fold(solve_triangular(q[i].T, unfold(b, i), lower=True), i)
        for i in range(x.ndim):
            c = gram(a, i) + gram(b, i)
            q[i] = q[i] - rate * triu(c - 2 * gram(b, i)) / (spectral(c) + 1.2e-38) @ q[i]
    wait = where(wait + 1 >= due, 0, wait + 1)
    for i in range(x.ndim):
        u = along(q[i].T @ q[i], u, i)
    x = x - lr * (u * minimum(1.1 / (rms(u) + 1e-6), 1) + weight_decay * x)
    return x, m, q, wait


dialects = {"psgd_kron:pytorch_optimizer": dict(of="pytorch_optimizer.Kron")}
