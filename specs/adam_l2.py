"""Adam-L2: Adam with L2, clipping and rescaling, as MXNet has it. Kingma & Ba, 2015. arXiv:1412.6980"""

from adaspec.lang import *


def adam_l2(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    eps: Positive = 1e-8,
    weight_decay: Rate = 0.0,
    rescale_grad: Real = 1.0,
    clip_gradient: Optional[Positive] = None,
):
    g = rescale_grad * g
    if clip_gradient is not None:
        g = clip(g, -clip_gradient, clip_gradient)
    g = g + weight_decay * x
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    lr_t = lr * sqrt(1 - beta2**t) / (1 - beta1**t)
    x = x - lr_t * m / (sqrt(v) + eps)
    return x, m, v


dialects = {
    "adam:mxnet": dict(lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0, clip_gradient=None),
}
