"""AdaGC: Improving Training Stability for Large Language Model Pretraining. Wang et al., 2025. arXiv:2502.11034"""

from adaspec.lang import *


def adagc(
    x: Param, g: Grad, t: Step, m: Slot = zeros, v: Slot = zeros, gamma: Slot = zeros.scalar, *, lr: Rate = 1e-3,
    beta1: Decay = 0.9, beta2: Decay = 0.999, beta: Decay = 0.98, limit: Positive = 1.0, ratio: Positive = 1.05,
    warmup_steps: Rate = 100.0, eps: Positive = 1e-8, weight_decay: Rate = 0.1,
):  # fmt: skip
    # First the norm of the model's gradient is clipped, then each array's, to what was usual for it.
    warm = (t == 1) | (t < warmup_steps)
    whole = sqrt(total(sum(g**2))) + eps
    by = where(warm, limit / whole, ratio * maximum(gamma, eps) / maximum(norm(g), eps))
    g = minimum(by, 1) * g
    least = where(t == 1, norm(g), minimum(gamma, norm(g)))
    gamma = where(warm, least, beta * gamma + (1 - beta) * norm(g))

    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    x = (1 - lr * weight_decay) * x - lr * m_hat / (sqrt(v_hat) + eps)
    return x, m, v, gamma


dialects = {
    "adagc:pytorch_optimizer": dict(of="pytorch_optimizer.AdaGC"),
}
