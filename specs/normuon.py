"""NorMuon: Making Muon more efficient and scalable. Li et al., 2025. arXiv:2510.05491"""

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


def normuon(
    x: Param, g: Grad, m: Slot = zeros, v: Slot = zeros.only(0), *, lr: Rate = 2e-2, momentum: Decay = 0.95,
    beta2: Decay = 0.95, weight_decay: Rate = 0.0, steps: Count = 5, eps: Positive = 1e-10, nesterov: Flag = True,
    match_rms: Flag = True,
):  # fmt: skip
    assert x.ndim >= 2, "normuon updates matrices and kernels; give the rest to adam"
    m = momentum * m + (1 - momentum) * g
    u = orthogonalize(unfold(momentum * m + (1 - momentum) * g if nesterov else m, 0), steps)
    size = norm(u)
    v = beta2 * v + (1 - beta2) * mean(u**2, axis=-1)
    u = u / (sqrt(v) + eps)[..., None]
    if match_rms:
        scale = 0.2 * sqrt(x.size) / (norm(u) + eps)
    else:
        scale = sqrt(maximum(1, x.shape[0] ** 2 / x.size)) * size / (norm(u) + eps)
    x = (1 - lr * weight_decay) * x - lr * scale * fold(u, 0)
    return x, m, v


dialects = {
    "normuon:pytorch_optimizer": dict(of="pytorch_optimizer.NorMuon", match_rms=False),
}
