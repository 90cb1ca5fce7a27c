"""TAM: Torque-Aware Momentum. Malviya et al., 2024. arXiv:2412.18790"""

from adaspec.lang import *


def unit(a: Array):
    """Along the first axis, of norm 1."""
    if a.ndim == 0:
        a = a / maximum(abs(a), 1e-12)
    else:
        rows = unfold(a, 0)
        a = fold(rows / maximum(sqrt(sum(rows**2, axis=-2)), 1e-12)[..., None, :], 0)
    return a


def tam(
    x: Param, g: Grad, t: Step, m: Slot = zeros, s: Slot = zeros, *, lr: Rate = 1e-3, mu: Decay = 0.9,
    decay: Decay = 0.9, eps: Rate = 1e-8, weight_decay: Rate = 0.0,
):  # fmt: skip
    assert x.ndim <= 4, "reshape the parameter first"
    m = where(t > 1, m, g)
    s = decay * s + (1 - decay) * unit(m) * unit(g)
    # A gradient that agrees with the momentum counts whole, one against it not at all.
    m = mu * m + ((1 + s) / 2 + eps) * g
    x = (1 - lr * weight_decay) * x - lr * m
    return x, m, s


dialects = {
    "tam:pytorch_optimizer": dict(of="pytorch_optimizer.TAM"),
}
