"""Rprop: A Direct Adaptive Method for Faster Backpropagation. Riedmiller & Braun, 1993. doi:10.1109/ICNN.1993.298623"""

from adaspec.lang import *


def rprop(
    x: Param,
    g: Grad,
    past: Slot = zeros,
    size: Slot = full("lr"),
    *,
    lr: Rate = 1e-2,
    shrink: Decay = 0.5,
    grow: Positive = 1.2,
    least: Rate = 1e-6,
    most: Positive = 50.0,
):
    """lr is the size of the first step alone."""
    agree = g * past
    # By its change, not by a factor: 1.2 in float32 is off by the same 4e-8 in every step that grows.
    change = where(agree > 0, grow - 1, where(agree < 0, shrink - 1, 0.0))
    size = clip(size + change * size, least, most)
    # Where the sign has changed a minimum was passed: stay, and forget the sign.
    g = where(agree < 0, 0.0, g)
    x = x - sign(g) * size
    past = g
    return x, past, size


dialects = {
    "rprop:torch": dict(
        of="torch.optim.Rprop",
        names=dict(
            shrink="etas[0]",
            grow="etas[1]",
            least="step_sizes[0]",
            most="step_sizes[1]",
            past="prev",
            size="step_size",
        ),
    ),  # fmt: skip
    "rprop:optax": dict(),
}
