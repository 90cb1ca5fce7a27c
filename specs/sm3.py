"""SM3: Memory-Efficient Adaptive Optimization. Anil et al., 2019. arXiv:1901.11150"""

from adaspec.lang import *


def sm3(
    x: Param,
    g: Grad,
    m: Slot = zeros,
    a: Slot = per_axis(zeros.only),
    *,
    lr: Rate = 0.1,
    momentum: Decay = 0.9,
):
    assert x.ndim >= 1, "a number has no axes to share its statistics along; make it an array of one element"
    v = g * 0
    for i in range(x.ndim):
        v = v + spread(a[i], i) if i == 0 else minimum(v, spread(a[i], i))
    v = v + g**2
    for i in range(x.ndim):
        a[i] = maximum(a[i], max(v, keep=i))
    u = where(v > 0, g * rsqrt(v), 0)
    m = momentum * m + (1 - momentum) * u
    x = x - lr * m
    return x, m, a
