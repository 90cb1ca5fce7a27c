"""AdaTAM: Torque-Aware Momentum, with Adam. Malviya et al., 2024. arXiv:2412.18790"""

from adaspec.lang import *


def unit(a: Array):
    """Along the first axis, of norm 1."""
    if a.ndim == 0:
        a = a / maximum(abs(a), 1e-12)
    else:
        rows = unfold(a, 0)
        a = fold(rows / maximum(sqrt(sum(rows**2, axis=-2)), 1e-12)[..., None, :], 0)
    return a


def adatam(
    x: Param, g: Grad, m: Slot = zeros, v: Slot = zeros, s: Slot = zeros, *, lr: Rate = 1e-3, beta1: Decay = 0.9,
    beta2: Decay = 0.999, decay: Decay = 0.9, eps: Positive = 1e-8, weight_decay: Rate = 0.0, decoupled: Flag = True,
):  # fmt: skip
    assert x.ndim <= 4, "reshape the parameter first"
    g = g if decoupled else g + weight_decay * x
    s = decay * s + (1 - decay) * unit(m) * unit(g)
    # A gradient that agrees with the momentum counts whole, one against it not at all.
    m = beta1 * m + ((1 + s) / 2 + eps) * g
    v = beta2 * v + (1 - beta2) * g**2
    x = (1 - lr * weight_decay) * x if decoupled else x
    x = x - lr * m / (sqrt(v) + eps)
    return x, m, v, s


dialects = {
    "adatam:pytorch_optimizer": dict(of="pytorch_optimizer.AdaTAM"),
}
