"""Clip: On the Difficulty of Training Recurrent Neural Networks. Pascanu et al., 2013. arXiv:1211.5063"""

from adaspec.lang import *


def clip(
    x: Param,
    g: Grad,
    t: Step,
    *,
    inner: Rule = "sgd",
    max_norm: Optional[Positive] = 1.0,
    max_array_norm: Optional[Positive] = None,
    max_value: Optional[Positive] = None,
    norm_eps: Rate = 0.0,
):
    if max_value is not None:
        g = clip(g, -max_value, max_value)
    if max_array_norm is not None:
        g = g * minimum(1.0, max_array_norm / norm(g))
    if max_norm is not None:
        g = g * minimum(1.0, max_norm / (sqrt(total(sum(g**2))) + norm_eps))
    x = inner(x, g, t)
    return x


dialects = {
    "clip_grad_norm:torch": dict(of="torch.nn.utils.clip_grad_norm_", norm_eps=1e-6),
    "clip_grad_value:torch": dict(of="torch.nn.utils.clip_grad_value_", max_norm=None, max_value=1.0),
    "clip_by_global_norm:optax": dict(of="optax.clip_by_global_norm"),
    "global_clipnorm:keras": dict(of="keras.optimizers.SGD", lr=1e-2),
    "clipnorm:keras": dict(of="keras.optimizers.SGD", lr=1e-2, max_norm=None, max_array_norm=1.0),
    "clipvalue:keras": dict(of="keras.optimizers.SGD", lr=1e-2, max_norm=None, max_value=1.0),
}
