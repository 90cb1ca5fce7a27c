"""AdamW-BERT: AdamW without bias correction, as BERT was trained. Devlin et al., 2018. arXiv:1810.04805"""

from adaspec.lang import *


def adamw_bert(
    x: Param,
    g: Grad,
    m: Slot = zeros,
    v: Slot = zeros,
    *,
    lr: Rate = 1e-4,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    eps: Positive = 1e-6,
    weight_decay: Rate = 0.01,
    rescale_grad: Real = 1.0,
    clip_gradient: Optional[Positive] = None,
):
    g = rescale_grad * g
    if clip_gradient is not None:
        g = clip(g, -clip_gradient, clip_gradient)
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    x = x - lr * (m / (sqrt(v) + eps) + weight_decay * x)
    return x, m, v


dialects = {
    "adamw:bert": dict(beta1=0.9, beta2=0.999, eps=1e-6, weight_decay=0.01, rescale_grad=1.0, clip_gradient=None),
}
