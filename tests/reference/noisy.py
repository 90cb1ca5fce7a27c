"""Rules with noise: the draws are those of `adaspec.noise`, everything else is written again."""

from __future__ import annotations

import numpy as np

from adaspec.noise import draw

from .core import Model, State, rule


def placed(params: Model, grads: Model, state: State) -> None:
    for place, s in enumerate(state.arrays):
        s.place = place


@rule(prepare=placed, lr=1e-2, b=0.0, gamma=0.55, seed=0)
def sgld(x, g, t, s, h, model):
    size = h.lr * (h.b + t) ** -h.gamma
    noise = draw("normal", 0, h.seed, t, s.place, x.shape)
    return x - size / 2 * g + np.sqrt(size) * noise
