"""Mechanic: A Learning Rate Tuner. Cutkosky et al., 2023. arXiv:2306.00144"""

from adaspec.lang import *


def bet(h, r, m, v, s, beta, first, eps):
    won = beta * r + clip(h, -m, m) * s
    most = maximum(beta * m, abs(h) + eps)
    large = maximum(beta * v, abs(h))  # v is a root: h**2 alone would leave float32
    v = where(large > 0, large * sqrt((beta * v / large) ** 2 + (h / large) ** 2), 0.0)
    return won, most, v, (first / 6 * most + maximum(won, 0)) / (v + eps)


def mechanic(
    x: Param, g: Grad, t: Step, x0: Slot = copy,
    r1: Shared = 0.0, m1: Shared = 0.0, v1: Shared = 0.0, s1: Shared = "first",
    r2: Shared = 0.0, m2: Shared = 0.0, v2: Shared = 0.0, s2: Shared = "first",
    r3: Shared = 0.0, m3: Shared = 0.0, v3: Shared = 0.0, s3: Shared = "first",
    r4: Shared = 0.0, m4: Shared = 0.0, v4: Shared = 0.0, s4: Shared = "first",
    r5: Shared = 0.0, m5: Shared = 0.0, v5: Shared = 0.0, s5: Shared = "first",
    r6: Shared = 0.0, m6: Shared = 0.0, v6: Shared = 0.0, s6: Shared = "first",
    *, inner: Rule = "sgd", weight_decay: Rate = 1e-2, eps: Positive = 1e-8, first: Positive = 1e-6,
):  # fmt: skip
    scale = s1 + s2 + s3 + s4 + s5 + s6
    way = (x0 - x) / (scale + eps)
    u = inner(x, g, t) - x
    g = g + weight_decay * scale * sqrt(total(sum(g**2))) / (sqrt(total(sum(x**2))) + eps) * x
    h = total(sum(g * way))
    # Six bettors with memories of 10 to a million steps; what they have won is the rate.
    r1, m1, v1, s1 = bet(h, r1, m1, v1, s1, 0.9, first, eps)
    r2, m2, v2, s2 = bet(h, r2, m2, v2, s2, 0.99, first, eps)
    r3, m3, v3, s3 = bet(h, r3, m3, v3, s3, 0.999, first, eps)
    r4, m4, v4, s4 = bet(h, r4, m4, v4, s4, 0.9999, first, eps)
    r5, m5, v5, s5 = bet(h, r5, m5, v5, s5, 0.99999, first, eps)
    r6, m6, v6, s6 = bet(h, r6, m6, v6, s6, 0.999999, first, eps)
    x = x0 - (s1 + s2 + s3 + s4 + s5 + s6) * (way - u)
    return x, x0, r1, m1, v1, s1, r2, m2, v2, s2, r3, m3, v3, s3, r4, m4, v4, s4, r5, m5, v5, s5, r6, m6, v6, s6


dialects = {"mechanize:optax": dict(of="optax.contrib.mechanize")}
