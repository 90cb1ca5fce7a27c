"""AGC: High-Performance Large-Scale Image Recognition Without Normalization. Brock et al., 2021. arXiv:2102.06171"""

from adaspec.lang import *


def unit_norm(a: Array, x: Array):
    """The norm of what each output unit reads: of a row, or of a kernel; of a whole vector."""
    return spread(norm(a, keep=0), 0) if x.ndim >= 2 else norm(a)


def agc(x: Param, g: Grad, t: Step, *, inner: Rule = "sgd", clipping: Positive = 0.01, eps: Positive = 1e-3):
    limit = clipping * maximum(unit_norm(x, x), eps)
    size = unit_norm(g, x)
    x = inner(x, where(size > limit, g * (limit / size), g), t)
    return x


dialects = {
    "agc:pytorch_optimizer": dict(of="pytorch_optimizer.agc"),
    "agc:timm": dict(of="timm.utils.agc.adaptive_clip_grad"),
}
