"""Lookahead: k Steps Forward, 1 Step Back. Zhang et al., 2019. arXiv:1907.08610"""

from adaspec.lang import *


def lookahead(
    x: Param,
    g: Grad,
    t: Step,
    slow: Slot = copy,
    *,
    inner: Rule = "adam",
    k: Count = 5,
    alpha: Rate = 0.5,
    late: Flag = False,
):
    assert k >= 1, "k counts the fast steps between two slow ones: at least 1"
    x = inner(x, g, t)
    if late:
        slow = where(t <= k, x, slow)  # the slow weights begin where the first k steps end
    if t % k == 0:
        slow = slow + alpha * (x - slow)
        x = slow
    return x, slow


@view("eval")
def slow_weights(x: Param, slow: Slot):
    """The slow weights."""
    return slow


dialects = {
    "lookahead:optax": dict(of="optax.lookahead"),
    "lookahead:pytorch_optimizer": dict(of="pytorch_optimizer.Lookahead"),
    "lookahead:timm": dict(of="timm.optim.lookahead.Lookahead", k=6, late=True),
}
