"""NoisySGD: Adding Gradient Noise Improves Learning for Very Deep Networks. Neelakantan, 2015. arXiv:1511.06807"""

from adaspec.lang import *


@schedule
def sigma(t: Step, *, eta: Rate, gamma: Rate):
    """The standard deviation of the noise: it dies out as learning goes on."""
    return sqrt(eta / t**gamma)


def noisy_sgd(x: Param, g: Grad, t: Step, *, lr: Rate = 1e-2, eta: Rate = 0.01, gamma: Rate = 0.55, seed: Count = 0):
    x = x - lr * (g + sigma(t, eta=eta, gamma=gamma) * normal())
    return x


dialects = {"noisy_sgd:optax": dict(of="optax.noisy_sgd")}
