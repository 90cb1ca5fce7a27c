"""DoWG: An Efficient Universal Parameter-Free Gradient Descent Method. Khaled et al., 2023. arXiv:2305.16284"""

from adaspec.lang import *


def dowg(
    x: Param,
    g: Grad,
    x0: Slot = copy,
    distance2: Shared = 0.0,
    squares: Shared = 0.0,
    *,
    lr: Rate = 1.0,
    eps: Positive = 1e-4,
    first_distance2: Optional[Positive] = None,
    weight_decay: Rate = 0.0,
):
    begin = eps if first_distance2 is None else first_distance2
    g = g + weight_decay * x
    distance2 = maximum(maximum(distance2, begin), total(sum((x - x0) ** 2)))
    squares = squares + distance2 * total(sum(g**2))
    x = x - lr * distance2 / (sqrt(squares) + eps) * g
    return x, x0, distance2, squares


dialects = {
    "dowg:paper": dict(),
    "dowg:optax": dict(
        of="optax.contrib.dowg",
        names=dict(
            first_distance2="init_estim_sq_dist",
            x0="init_params",
            distance2="estim_sq_dist",
            squares="weighted_sq_norm_grads",
        ),
    ),
}
