"""PolyakSGD: Stochastic Polyak Step-size for SGD. Loizou et al., 2021. arXiv:2002.10542"""

from adaspec.lang import *


def polyak_sgd(
    x: Param,
    g: Grad,
    loss: Input[Scalar],
    *,
    lr: Rate = 1.0,
    max_lr: Rate = 1.0,
    f_min: Real = 0.0,
    eps: Rate = 0.0,
    positive: Flag = False,
):
    gap = maximum(loss - f_min, 0) if positive else loss - f_min
    n = total(sum(g**2)) + eps
    step = where(n > 2.220446049250313e-16, minimum(gap / n, max_lr), 0)
    x = x - lr * step * g
    return x


dialects = {
    "polyak_sgd:optax": dict(
        of="optax.polyak_sgd", names=dict(lr="scaling", max_lr="max_learning_rate", positive=None)
    ),
}
