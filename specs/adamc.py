"""AdamC: Why Gradients Rapidly Increase Near the End of Training. Defazio, 2025. arXiv:2506.02285"""

from adaspec.lang import *


def adamc(
    x: Param, g: Grad, t: Step, m: Slot = zeros, v: Slot = zeros, v_max: Slot = zeros, max_lr: Shared = "lr", *,
    lr: Rate = 1e-3, beta1: Decay = 0.9, beta2: Decay = 0.999, eps: Rate = 1e-8, eps_root: Rate = 0.0,
    weight_decay: Rate = 0.0, amsgrad: Flag = False, eps_hat: Flag = False,
):  # fmt: skip
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    if amsgrad:
        v_max = maximum(v_max, v)
    root = sqrt(((v_max if amsgrad else v) + eps_root) / (1 - beta2**t))
    u = root + (eps / sqrt(1 - beta2**t) if eps_hat else eps)
    # Corrected for normalized layers: the decay falls with the square of the rate, from the rate it began with.
    x = (1 - where(max_lr > 0, lr**2 / max_lr, 0.0) * weight_decay) * x
    x = x - lr * m / (1 - beta1**t) / u
    return x, m, v, v_max, max_lr


dialects = {
    "adamc:pytorch_optimizer": dict(of="pytorch_optimizer.AdamC", eps_root=1e-15, eps_hat=True),
}
