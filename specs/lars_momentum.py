"""LARS-Momentum: LARS with the rate outside the momentum, as PyTorch's SGD. You et al., 2017. arXiv:1708.03888"""

from adaspec.lang import *


def lars_momentum(
    x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 1.0, mu: Optional[Decay] = 0.9,
    dampening: Rate = 0.0, nesterov: Flag = False, trust_coefficient: Positive = 1e-3, eps: Rate = 0.0,
    weight_decay: Rate = 0.0, always_adapt: Flag = False, trust_clip: Flag = False, first_whole: Flag = True,
    matrices_only: Flag = False, zero_too: Flag = False,
):  # fmt: skip
    if x.ndim > 1 or not matrices_only:
        size = norm(g) + weight_decay * norm(x) + eps
        seen = size > 0 if zero_too else norm(g) > 0  # whether a gradient of zeros is scaled where there is decay
        trust = where((norm(x) > 0) & seen, trust_coefficient * norm(x) / size, 1.0)
        trust = minimum(trust / lr, 1) if trust_clip else trust
        # What does not decay (biases, scales) keeps its gradient as it is.
        trust = trust if always_adapt else where(weight_decay > 0, trust, 1.0)
        g = trust * (g + weight_decay * x)
    if mu is not None:
        m = mu * m + (where(t > 1, 1 - dampening, 1) if first_whole else 1 - dampening) * g
        g = g + mu * m if nesterov else m
    x = x - lr * g
    return x, m


dialects = {
    "lars:timm": dict(of="timm.optim.lars.Lars", mu=None, eps=1e-8),
    "lars:pytorch_optimizer": dict(
        of="pytorch_optimizer.LARS",
        lr=1e-3,
        mu=0.9,
        always_adapt=True,
        first_whole=False,
        matrices_only=True,
        zero_too=True,
    ),
}
