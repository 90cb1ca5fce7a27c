"""AliG: Training Neural Networks for and by Interpolation. Berrada et al., 2020. arXiv:1906.05661"""

from adaspec.lang import *


def alig(
    x: Param,
    g: Grad,
    loss: Input[Scalar],
    m: Slot = zeros,
    *,
    max_lr: Optional[Positive] = None,
    mu: Decay = 0.0,
    eps: Positive = 1e-6,
    adjusted: Flag = False,
):
    step = loss / (total(sum(g**2)) + eps)
    if max_lr is not None:
        step = minimum(step, max_lr)
    if adjusted:
        m = mu * m - g
        x = x - step * (g - mu * m)
    else:
        m = mu * m - step * g
        x = x - step * g + mu * m
    return x, m


dialects = {
    "alig:paper": dict(max_lr=0.1, mu=0.9, eps=1e-5),
    "alig:pytorch_optimizer": dict(of="pytorch_optimizer.AliG"),
}
