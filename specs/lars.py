"""LARS: Large Batch Training of Convolutional Networks. You et al., 2017. arXiv:1708.03888"""

from adaspec.lang import *


def lars(
    x: Param,
    g: Grad,
    m: Slot = zeros,
    *,
    lr: Rate = 1e-2,
    mu: Decay = 0.9,
    trust_coefficient: Positive = 1e-3,
    eps: Rate = 0.0,
    weight_decay: Rate = 0.0,
    nesterov: Flag = False,
    together: Flag = True,
):
    # The norm of the decayed gradient, or, as in the paper, the sum of the two norms.
    size = norm(g + weight_decay * x) if together else norm(g) + weight_decay * norm(x)
    trust = trust_coefficient * norm(x) / (size + eps)
    trust = where((norm(x) > 0) & (size > 0), trust, 1.0)
    u = lr * trust * (g + weight_decay * x)
    m = mu * m + u
    x = x - (mu * m + u if nesterov else m)
    return x, m


dialects = {
    "lars:paper": dict(weight_decay=5e-4, together=False),
    "lars:optax": dict(of="optax.lars"),
}
