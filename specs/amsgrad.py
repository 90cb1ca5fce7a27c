"""AMSGrad: On the Convergence of Adam and Beyond. Reddi et al., 2018. arXiv:1904.09237"""

from adaspec.lang import *


def amsgrad(
    x: Param,
    g: Grad,
    t: Step,
    m: Slot = zeros,
    v: Slot = zeros,
    v_max: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    eps: Rate = 1e-8,
    eps_root: Rate = 0.0,
    corrected_m: Flag = True,
    corrected_v: Flag = True,
):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    # The largest of the corrected moments: another sequence than the largest moment, corrected.
    v_max = maximum(v_max, v / (1 - beta2**t) if corrected_v else v)
    m_hat = m / (1 - beta1**t) if corrected_m else m
    x = x - lr * m_hat / (sqrt(v_max + eps_root) + eps)
    return x, m, v, v_max


dialects = {
    "amsgrad:paper": dict(eps=0.0, corrected_m=False, corrected_v=False),
    "amsgrad:optax": dict(
        of="optax.amsgrad",
        lr=1e-2,
        names=dict(corrected_m="bias_correction_mu", corrected_v="bias_correction_nu", m="mu", v="nu", v_max="nu_max"),
    ),
}
