"""Sign-Descent: signSGD, Compressed Optimisation. Bernstein et al., 2018. arXiv:1802.04434"""

from adaspec.lang import *


def sign_descent(x: Param, g: Grad, *, lr: Rate = 1e-4):
    x = x - lr * sign(g)
    return x


dialects = {"sign_sgd:optax": dict(of="optax.sign_sgd", lr=1e-2)}
