"""SM3: Memory-Efficient Adaptive Optimization. Anil et al., 2019. arXiv:1901.11150"""

from adaspec.lang import *


def sm3(
    x: Param,
    g: Grad,
    m: Slot = zeros,
    a: Slot = per_axis(zeros.only),
    alone: Slot = zeros,
    *,
    lr: Rate = 0.1,
    momentum: Decay = 0.9,
    beta: Decay = 0.0,
    eps: Positive = 1e-8,
):
    past = where(beta > 0, beta, 1.0)
    if x.ndim == 0:
        v = past * alone + (1 - beta) * g**2
        alone = v
    else:
        for i in range(x.ndim):
            least = spread(a[i], i) if i == 0 else minimum(least, spread(a[i], i))
        v = past * least + (1 - beta) * g**2
        for i in range(x.ndim):
            a[i] = maximum(a[i], max(v, keep=i))
    m = momentum * m + (1 - momentum) * g * rsqrt(v + eps)
    x = x - lr * m
    return x, m, a, alone


dialects = {
    "sm3:optax": dict(of="optax.sm3", lr=1e-2),
    "sm3:pytorch_optimizer": dict(of="pytorch_optimizer.SM3", momentum=0.0, eps=1e-30),
}
