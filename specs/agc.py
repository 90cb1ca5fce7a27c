"""AGC: High-Performance Large-Scale Image Recognition Without Normalization. Brock et al., 2021. arXiv:2102.06171"""

from adaspec.lang import *


def agc(x: Param, g: Grad, t: Step, *, inner: Rule = "sgd", clipping: Positive = 0.01, eps: Positive = 1e-3):
    if x.ndim >= 2:  # the norms of what each output unit reads: a row, or a kernel
        most = spread(norm(x, keep=0), 0)
        size = spread(norm(g, keep=0), 0)
    else:
        most = norm(x)
        size = norm(g)
    limit = clipping * maximum(most, eps)
    x = inner(x, where(size > limit, g * (limit / size), g), t)
    return x


dialects = {
    "agc:pytorch_optimizer": dict(of="pytorch_optimizer.agc"),
    "agc:timm": dict(of="timm.utils.agc.adaptive_clip_grad"),
}
