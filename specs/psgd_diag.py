"""PSGDDiag: Curvature-Informed SGD via General Purpose Lie-Group Preconditioners. Pooladzandi 2024. arXiv:2402.04553"""

from adaspec.lang import *


def psgd_diag(
    x: Param, g: Grad, t: Step, m: Slot = zeros, d: Slot = per_axis(ones.only), wait: Shared = 0.0, *,
    lr: Rate = 1e-3, mu: Decay = 0.9, weight_decay: Rate = 0.0, rate: Rate = 0.1, most: Rate = 1.0,
    least: Positive = 0.03, fall: Rate = 1e-3, flat: Rate = 500.0, seed: Count = 0,
):  # fmt: skip
    assert x.ndim > 0, "its factors are along axes: give numbers to another rule"
    m = mu * m + (1 - mu) * g
    u = m / (1 - mu**t)
    due = 1 / clip(most * exp(minimum(fall * (flat + 1 - t), 0)), least, most)
    if wait + 1 >= due:
        a = u
        b = normal()
        for i in range(x.ndim):
            a = a * spread(d[i], i)
            b = b / spread(d[i], i)
        for i in range(x.ndim):
            c = sum(a**2, keep=i)
            e = sum(b**2, keep=i)
            d[i] = d[i] - rate * (c - e) * d[i] / (max(c + e) + 1.2e-38)
    wait = where(wait + 1 >= due, 0, wait + 1)
    for i in range(x.ndim):
        u = u * spread(d[i] ** 2, i)
    u = u * minimum(1.1 / (rms(u) + 1e-6), 1)
    x = x - lr * (u + weight_decay * x if x.ndim > 1 else u)
    return x, m, d, wait
