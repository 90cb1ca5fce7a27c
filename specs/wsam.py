"""WSAM: Sharpness-Aware Minimization Revisited: Weighted Sharpness as a Regularization Term. Yue et al., 2023."""

from adaspec.lang import *


@view("perturbed")
def perturbed(x: Param, g: Grad, *, rho: Rate, perturb_eps: Rate):
    """Where the loss is largest around the parameters, to first order."""
    return x + rho / (sqrt(total(sum(g**2))) + perturb_eps) * g


def wsam(
    x: Param,
    g: Grad,
    t: Step,
    g_up: Input = grad_at("perturbed"),
    *,
    inner: Rule = "momentum",
    lr: Rate = 1e-2,
    rho: Rate = 0.05,
    gamma: Decay = 0.9,
    perturb_eps: Rate = 1e-12,
    decoupled: Flag = True,
):
    alpha = gamma / (1 - gamma)
    u = g if decoupled else g + alpha * (g_up - g)
    x = inner(x, u, t, lr=lr)
    if decoupled:
        x = x - lr * alpha * (g_up - g)
    return x


dialects = {"wsam:pytorch_optimizer": dict(of="pytorch_optimizer.WSAM")}
