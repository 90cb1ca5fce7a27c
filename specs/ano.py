"""ANO: Faster is Better in Noisy Landscape. Kegreisz, 2025. arXiv:2508.18258"""

from adaspec.lang import *


def ano(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros,
    *,
    lr: Rate = 1e-4,
    beta1: Decay = 0.92,
    beta2: Decay = 0.99,
    eps: Rate = 1e-8,
    weight_decay: Rate = 0.0,
    decoupled: Flag = True,
    logarithmic: Flag = False,
):
    g = g if decoupled else g + weight_decay * x
    b1 = 1 - 1 / log(maximum(t, 2)) if logarithmic else beta1
    m = b1 * m + (1 - b1) * g
    # Yogi's second moment; the momentum gives the direction alone.
    v = beta2 * v + (1 - beta2) * sign(g**2 - v) * g**2
    x = (1 - lr * weight_decay) * x if decoupled else x
    x = x - lr * abs(g) * sign(m) / (sqrt(v / (1 - beta2**t)) + eps)
    return x, m, v


dialects = {
    "ano:pytorch_optimizer": dict(of="pytorch_optimizer.Ano"),
}
