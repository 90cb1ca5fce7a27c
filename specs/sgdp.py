"""SGDP: AdamP, Slowing Down the Slowdown for Momentum Optimizers. Heo et al., 2020. arXiv:2006.08217"""

from adaspec.lang import *


def cosine(ab: Array, a: Array, b: Array, eps: Positive):
    """The size of the cosine between a and b, from their scalar product and norms."""
    return abs(ab) / (maximum(a, eps) * maximum(b, eps))


def sgdp(
    x: Param,
    g: Grad,
    m: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    momentum: Decay = 0.9,
    dampening: Decay = 0.0,
    weight_decay: Rate = 0.0,
    delta: Positive = 0.1,
    wd_ratio: Positive = 0.1,
    eps: Positive = 1e-8,
    nesterov: Flag = False,
):
    m = momentum * m + (1 - dampening) * g
    u = g + momentum * m if nesterov else m
    ratio = 1.0
    if x.ndim > 1:
        # A gradient across the weights of each channel, or of the layer, says that their scale does not matter.
        size = norm(x, keep=0)
        by_channel = max(cosine(sum(g * x, keep=0), norm(g, keep=0), size, eps)) < delta / sqrt(x.size / x.shape[0])
        by_layer = cosine(sum(g * x), norm(g), norm(x), eps) < delta / sqrt(x.size)
        channels = x / spread(size + eps, 0)
        layer = x / (norm(x) + eps)
        across = where(by_layer, u - layer * sum(layer * u), u)
        u = where(by_channel, u - channels * spread(sum(channels * u, keep=0), 0), across)
        ratio = where(by_channel | by_layer, wd_ratio, 1.0)
    x = (1 - lr * weight_decay * ratio / (1 - momentum)) * x - lr * u
    return x, m


dialects = {
    "sgdp:timm": dict(of="timm.optim.SGDP", lr=1e-2, momentum=0.0),
}
