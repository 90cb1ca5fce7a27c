"""EMA: Mean Teachers Are Better Role Models. Tarvainen & Valpola, 2017. arXiv:1703.01780"""

from adaspec.lang import *


@schedule
def ema_decay(t: Step, *, decay: Decay, from_first: Flag, debias: Flag):
    """How much of the past the average keeps; debiased, as if it had begun at zero and were divided by its weight."""
    constant = where(t == 1, 0.0, decay) if from_first else decay
    return decay * (1 - decay ** (t - 1)) / (1 - decay**t) if debias else constant


def ema(
    x: Param,
    g: Grad,
    t: Step,
    average: Slot = copy,
    *,
    inner: Rule = "adam",
    decay: Decay = 0.999,
    from_first: Flag = False,
    debias: Flag = False,
):
    x = inner(x, g, t)
    b = ema_decay(t, decay=decay, from_first=from_first, debias=debias)
    average = b * average + (1 - b) * x
    return x, average


@view("eval")
def averaged(x: Param, average: Slot):
    """The average of the weights."""
    return average


dialects = {
    "ema:timm": dict(of="timm.utils.model_ema.ModelEmaV3", decay=0.9999),
    "ema:torch": dict(of="torch.optim.swa_utils.AveragedModel", from_first=True),
    "ema:optax": dict(of="optax.ema", debias=True),
}
