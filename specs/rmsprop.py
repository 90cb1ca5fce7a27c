"""RMSprop: Lecture 6e. Tieleman & Hinton, 2012. https://www.cs.toronto.edu/~hinton/coursera/lecture6/lec6.pdf"""

from adaspec.lang import *


def rmsprop(
    x: Param, g: Grad, t: Step, v: Slot = full("initial"), average: Slot = zeros, m: Slot = zeros, *, lr: Rate = 1e-3,
    decay: Decay = 0.9, eps: Rate = 1e-8, eps_outside: Flag = False, initial: Rate = 0.0, corrected: Flag = False,
    centered: Flag = False, mu: Optional[Decay] = None, nesterov: Flag = False, weight_decay: Rate = 0.0,
    decoupled: Flag = True,
):  # fmt: skip
    g = g if decoupled else g + weight_decay * x
    x = x - lr * weight_decay * x if decoupled else x
    v = decay * v + (1 - decay) * g**2
    s = v / (1 - decay**t) if corrected else v
    if centered:
        average = decay * average + (1 - decay) * g
        s = s - (average / (1 - decay**t) if corrected else average) ** 2
    u = lr * g / (sqrt(s) + eps if eps_outside else sqrt(s + eps))
    if mu is not None:
        m = mu * m + u
    x = x - (u if mu is None else u + mu * m if nesterov else m)
    return x, v, average, m


dialects = {
    "rmsprop:keras": dict(of="keras.optimizers.RMSprop", eps=1e-7, names=dict(corrected=None, decoupled=None,
        eps_outside=None, initial=None, nesterov=None, decay="rho", mu="momentum=0", v="velocity",
        average="average_gradient", m="momentum")),
    "rmsprop:timm": dict(of="timm.optim.rmsprop_tf.RMSpropTF", lr=1e-2, eps=1e-10, initial=1.0, decoupled=False),
    "rmsprop:optax": dict(of="optax.rmsprop", lr=1e-2, names=dict(decoupled=None, eps_outside=None,
        weight_decay=None, initial="initial_scale", mu="momentum", corrected="bias_correction", v="nu",
        average="mu")),
}  # fmt: skip
