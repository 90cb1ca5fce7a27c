"""Muon of Keras: orthogonalized momentum for matrices, scaled to Adam's size, Adam for the rest. arXiv:2502.16982"""

from adaspec.lang import *


def orthogonalize(a: Matrix, steps: Count):
    """Newton-Schulz iteration towards the nearest semi-orthogonal matrix."""
    tall = a.shape[0] > a.shape[1]
    a = a.T if tall else a
    a = a / (norm(a) + 1e-7)
    for _ in range(steps):
        b = a @ a.T
        a = 3.4445 * a + (-4.7750 * b + 2.0315 * b @ b) @ a
    return a.T if tall else a


def muon_keras(
    x: Param, g: Grad, t: Step, m: Slot = zeros, v: Slot = zeros, *, lr: Rate = 1e-3, momentum: Decay = 0.95,
    steps: Count = 5, weight_decay: Rate = 0.004, nesterov: Flag = True, rms_rate: Optional[Positive] = 0.2,
    adam_beta1: Decay = 0.9, adam_beta2: Decay = 0.999, eps: Positive = 1e-7, adam_weight_decay: Rate = 0.004,
    adam_lr_ratio: Positive = 1.0,
):  # fmt: skip
    if x.ndim == 2:
        m = momentum * m + g
        u = orthogonalize(g + momentum * m if nesterov else m, steps)
        if rms_rate is not None:
            u = rms_rate * sqrt(maximum(x.shape[0], x.shape[1])) * u
        x = (1 - lr * weight_decay) * x - lr * u
    else:
        m = adam_beta1 * m + (1 - adam_beta1) * g
        v = adam_beta2 * v + (1 - adam_beta2) * g**2
        # Keras adds eps to the root of the uncorrected v.
        u = sqrt(1 - adam_beta2**t) / (1 - adam_beta1**t) * m / (sqrt(v) + eps)
        x = (1 - lr * adam_weight_decay) * x - lr * adam_lr_ratio * u
    return x, m, v


dialects = {
    "muon:keras": dict(
        of="keras.optimizers.Muon",
        names=dict(steps="ns_steps", adam_beta1="adam_beta_1", adam_beta2="adam_beta_2", m="momentum", v="velocity"),
    ),
}
