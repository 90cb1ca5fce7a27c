"""AdaMuon: Adaptive Muon Optimizer. Si et al., 2025. arXiv:2507.11005"""

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


def adamuon(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros,
    *,
    lr: Rate = 2e-2,
    beta1: Decay = 0.9,
    beta2: Decay = 0.95,
    weight_decay: Rate = 0.0,
    steps: Count = 5,
    eps: Positive = 1e-10,
    match_rms: Flag = True,
):
    assert x.ndim >= 2, "adamuon updates matrices and kernels; give the rest to adam"
    m = beta1 * m + (1 - beta1) * g
    o = fold(orthogonalize(unfold(m, 0), steps), 0)
    v = beta2 * v + (1 - beta2) * o**2
    u = o / (sqrt(v / (1 - beta2**t)) + eps)
    rows = x.shape[0]
    columns = x.size / rows
    u = sqrt(minimum(rows, columns)) * u / (norm(u) + eps)
    scale = 0.2 * sqrt(maximum(rows, columns)) if match_rms else sqrt(maximum(1, rows / columns))
    x = (1 - lr * weight_decay) * x - lr * scale * u
    return x, m, v


dialects = {
    "adamuon:pytorch_optimizer": dict(of="pytorch_optimizer.AdaMuon"),
}
