"""FTRL: Ad Click Prediction, a View from the Trenches. McMahan et al., 2013. doi:10.1145/2487575.2488200"""

from adaspec.lang import *


def ftrl(
    x: Param,
    g: Grad,
    n: Slot = full("initial"),
    z: Slot = zeros,
    *,
    lr: Rate = 1e-3,
    power: Rate = 0.5,
    initial: Rate = 0.1,
    beta: Rate = 0.0,
    l1: Rate = 0.0,
    l2: Rate = 0.0,
    l2_shrinkage: Rate = 0.0,
    weight_decay: Rate = 0.0,
):
    x = x - lr * weight_decay * x
    # (n + g**2)**power - n**power, which a small g**2 beside n would leave to rounding.
    rise = where(n > 0, n**power * expm1(power * log1p(g**2 / n)), (n + g**2) ** power - n**power)
    n = n + g**2
    z = z + g + 2 * l2_shrinkage * x - rise / lr * x
    # The weights are a function of the state alone: those that training began with are forgotten at once.
    x = where(abs(z) > l1, (clip(z, -l1, l1) - z) / ((n**power + beta) / lr + 2 * l2), 0)
    return x, n, z


dialects = {
    "ftrl:paper": dict(initial=0.0, beta=1.0),
    "ftrl:keras": dict(of="keras.optimizers.Ftrl", names=dict(power=None, initial="initial_accumulator_value",
        l1="l1_regularization_strength", l2="l2_regularization_strength",
        l2_shrinkage="l2_shrinkage_regularization_strength", n="accumulator", z="linear")),
    "ftrl:pytorch_optimizer": dict(of="pytorch_optimizer.FTRL", initial=0.0),
}  # fmt: skip
