"""AdamW-MX: as MXNet has it, the corrected rate scales the decay. Loshchilov & Hutter, 2019. arXiv:1711.05101"""

from adaspec.lang import *


def adamw_mx(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    eps: Positive = 1e-6,
    weight_decay: Rate = 0.0,
    rescale_grad: Real = 1.0,
    clip_gradient: Optional[Positive] = None,
):
    g = rescale_grad * g
    if clip_gradient is not None:
        g = clip(g, -clip_gradient, clip_gradient)
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    lr_t = lr * sqrt(1 - beta2**t) / (1 - beta1**t)
    x = x - lr_t * (m / (sqrt(v) + eps) + weight_decay * x)
    return x, m, v


dialects = {
    "adamw:mxnet": dict(lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-6, weight_decay=0.0, clip_gradient=None),
}
