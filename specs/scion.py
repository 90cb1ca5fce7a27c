"""Scion: Training Deep Learning Models with Norm-Constrained LMOs. Pethick et al., 2025. arXiv:2502.07529"""

from adaspec.lang import *


def orthogonalize(a: Matrix, steps: Count):
    """Newton-Schulz iteration towards the nearest semi-orthogonal matrix."""
    tall = a.shape[0] > a.shape[1]
    a = a.T if tall else a
    a = a / maximum(norm(a), 1e-7)
    for _ in range(steps):
        b = a @ a.T
        a = 3.4445 * a + (-4.7750 * b + 2.0315 * b @ b) @ a
    return a.T if tall else a


def scion(
    x: Param,
    g: Grad,
    m: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    momentum: Decay = 0.9,
    radius: Positive = 1.0,
    weight_decay: Rate = 0.0,
    steps: Count = 5,
    constrained: Flag = False,
    light: Flag = False,
):
    # The light form keeps the gradients themselves, and no average that weighs them.
    m = momentum * m + (g if light else (1 - momentum) * g)
    if x.ndim >= 2:
        # The point of the spectral ball that goes furthest along m, for a kernel at each of its places.
        o = fold(orthogonalize(unfold(m, 0), steps), 0)
        u = sqrt(x.shape[0] / x.shape[1]) / (x.size / (x.shape[0] * x.shape[1])) * o
    else:
        u = m / (rms(m) + 1e-8)
    x = (1 - lr * (1.0 if constrained else weight_decay)) * x - lr * radius * u
    return x, m


dialects = {
    "scion:pytorch_optimizer": dict(of="pytorch_optimizer.SCION"),
    "scion_light:pytorch_optimizer": dict(of="pytorch_optimizer.SCIONLight", light=True),
}
