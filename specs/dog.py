"""DoG: DoG is SGD's Best Friend, A Parameter-Free Dynamic Step Size Schedule. Ivgi et al., 2023. arXiv:2302.12022"""

from adaspec.lang import *


def dog(
    x: Param,
    g: Grad,
    t: Step,
    x0: Slot = copy,
    distance: Shared = 0.0,
    squares: Shared = 0.0,
    *,
    lr: Rate = 1.0,
    eps: Positive = 1e-8,
    first_share: Positive = 1e-6,
    first_distance: Optional[Rate] = None,
    first_rate: Optional[Rate] = None,
    weight_decay: Rate = 0.0,
):
    # Before the first step no distance is known: a share of the model's norm, a given distance, or a given rate.
    begin = first_share * (1 + sqrt(total(sum(x0**2)))) if first_distance is None else first_distance
    g = g + weight_decay * x
    distance = maximum(distance, sqrt(total(sum((x - x0) ** 2))))
    if first_rate is None:
        distance = maximum(distance, begin)
    squares = squares + total(sum(g**2))
    rate = distance / sqrt(squares + eps)
    if first_rate is not None:
        rate = where(t > 1, rate, first_rate)
    x = x - lr * rate * g
    return x, x0, distance, squares


dialects = {
    "dog:paper": dict(),
    "dog:optax": dict(of="optax.contrib.dog", names=dict(first_distance=None, first_rate=None, first_share=None,
        x0="init_params", distance="max_dist", squares="sum_sq_norm_grads")),
}  # fmt: skip
