"""OrthoGrad: Grokking at the Edge of Numerical Stability. Prieto et al., 2025. arXiv:2501.04697"""

from adaspec.lang import *


def orthograd(x: Param, g: Grad, t: Step, *, inner: Rule = "adam", parallel: Rate = 5e-7):
    o = g - sum(x * g) / (sum(x**2) + 1e-30) * x
    # What is left of a gradient along x is rounding, about 4 ulp of float32: it has no direction to be scaled in.
    o = where(norm(o) <= parallel * norm(g), 0.0, o * (norm(g) / norm(o)))
    x = inner(x, o, t)
    return x


dialects = {"orthograd:pytorch_optimizer": dict(of="pytorch_optimizer.OrthoGrad")}
