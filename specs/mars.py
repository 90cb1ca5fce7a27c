"""MARS: Unleashing the Power of Variance Reduction for Training Large Models. Yuan et al., 2024. arXiv:2411.10438"""

from adaspec.lang import *


def mars(
    x: Param, g: Grad, t: Step, m: Slot = zeros, v: Slot = zeros, last: Slot = zeros, *, lr: Rate = 3e-3,
    scale_1d: Rate = 1.0, beta1: Decay = 0.95, beta2: Decay = 0.99, beta1_1d: Decay = 0.9, beta2_1d: Decay = 0.95,
    gamma: Real = 0.025, eps: Rate = 1e-8, eps_root: Rate = 0.0, weight_decay: Rate = 0.0,
    weight_decay_1d: Rate = 0.1, optimize_1d: Flag = False, lion: Flag = False, eps_hat: Flag = False,
    first_plain: Flag = False,
):  # fmt: skip
    # Vectors and scalars are Adam's, with hyperparameters of their own.
    mixed = optimize_1d or x.ndim >= 2
    b1 = beta1 if mixed else beta1_1d
    b2 = beta2 if mixed else beta2_1d
    c = g
    if mixed:
        change = where(t > 1, g - last, 0) if first_plain else g - last
        c = g + gamma * beta1 / (1 - beta1) * change
        c = c / maximum(norm(c), 1)
        last = g
    m = b1 * m + (1 - b1) * c
    if lion and mixed:
        u = sign(m)
    else:
        v = b2 * v + (1 - b2) * c**2
        root = sqrt((v + eps_root) / (1 - b2**t)) + (eps / sqrt(1 - b2**t) if eps_hat else eps)
        u = m / (1 - b1**t) / root
    lr_x = lr if mixed else lr * scale_1d
    x = x - lr_x * (u + (weight_decay if mixed else weight_decay_1d) * x)
    return x, m, v, last


dialects = {
    "mars:pytorch_optimizer": dict(of="pytorch_optimizer.MARS", eps_root=1e-15, eps_hat=True),
    "mars:timm": dict(
        of="timm.optim.mars.Mars", beta1=0.9, beta1_1d=0.9, beta2_1d=0.99, weight_decay_1d=0.0, first_plain=True
    ),
}
