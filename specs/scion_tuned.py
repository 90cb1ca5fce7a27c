"""Scion-Tuned: five polynomials that differ, a corrected average. After Pethick et al., 2025. arXiv:2502.07529"""

from adaspec.lang import *


def nearer(a: Matrix, p, q, r):
    """A Newton-Schulz step: singular values s become p s + q s^3 + r s^5."""
    s = a @ a.T
    return p * a + (q * s + r * s @ s) @ a


def orthogonalize(a: Matrix):
    """Five steps towards the nearest semi-orthogonal matrix."""
    tall = a.shape[0] > a.shape[1]
    a = a.T if tall else a
    a = a / maximum(norm(a), 1e-7)
    a = nearer(a, 4.0848, -6.8946, 2.9270)
    a = nearer(a, 3.9505, -6.3029, 2.6377)
    a = nearer(a, 3.7418, -5.5913, 2.3037)
    a = nearer(a, 2.8769, -3.1427, 1.2046)
    a = nearer(a, 2.8366, -3.0525, 1.2012)
    return a.T if tall else a


def scion_tuned(
    x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 2.5e-3, beta1: Decay = 0.9, scale: Positive = 1.0,
    weight_decay: Rate = 0.0,
):  # fmt: skip
    m = beta1 * m + (1 - beta1) * g
    u = m / (1 - beta1**t)
    if x.ndim >= 2:
        # The point of the spectral ball that goes furthest along u, for a kernel at each of its places.
        o = fold(orthogonalize(unfold(u, 0)), 0)
        u = sqrt(x.shape[0] / x.shape[1]) / (x.size / (x.shape[0] * x.shape[1])) * o
    else:
        u = u / maximum(rms(u), 1e-8)
    x = (1 - lr * weight_decay) * x - lr * scale * u
    return x, m


dialects = {"scion:heavyball": dict()}
