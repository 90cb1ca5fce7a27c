"""Centralize: Gradient Centralization: A New Optimization Technique. Yong et al., 2020. arXiv:2004.01461"""

from adaspec.lang import *


def centralize(x: Param, g: Grad, t: Step, *, inner: Rule = "adam", least: Count = 2):
    if x.ndim >= least and x.ndim > 1:
        g = g - spread(mean(g, keep=0), 0)
    x = inner(x, g, t)
    return x


dialects = {
    "centralize:pytorch_optimizer": dict(of="pytorch_optimizer.optimizer.gradient_centralization.centralize_gradient"),
    "centralize:optax": dict(of="optax.centralize"),
}
