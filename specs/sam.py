"""SAM: Sharpness-Aware Minimization for Efficiently Improving Generalization. Foret et al., 2021. arXiv:2010.01412

`adaptive` is ASAM: Kwon et al., 2021. arXiv:2102.11600
"""

from adaspec.lang import *


@view("perturbed")
def perturbed(x: Param, g: Grad, *, rho: Rate, perturb_eps: Rate, adaptive: Flag):
    """Where the loss is largest around the parameters, to first order."""
    n = sqrt(total(sum((abs(x) * g if adaptive else g) ** 2)))
    return x + rho / (n + perturb_eps) * (x**2 * g if adaptive else g)


def sam(
    x: Param,
    g: Grad,
    t: Step,
    g_up: Input = grad_at("perturbed"),
    *,
    inner: Rule = "momentum",
    rho: Rate = 0.05,
    perturb_eps: Rate = 1e-12,
    adaptive: Flag = False,
):
    x = inner(x, g_up, t)
    return x


dialects = {
    "sam:pytorch_optimizer": dict(of="pytorch_optimizer.SAM"),
    "asam:pytorch_optimizer": dict(of="pytorch_optimizer.SAM", adaptive=True),
    "sam:optax": dict(of="optax.contrib.sam", perturb_eps=0.0),
}
