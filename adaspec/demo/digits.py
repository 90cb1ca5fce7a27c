"""The race: a small network learns scikit-learn's handwritten digits, 1797 pictures of 8 × 8 pixels, real and built in.

The network and its backpropagation are written out in NumPy, so that nothing but the optimizer is anybody else's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

Params = dict[str, dict[str, Any]]

PIXELS, HIDDEN, CLASSES = 64, 32, 10
BATCH = 64
TRAINING = 1437  # four fifths; the rest is for testing


@dataclass(frozen=True)
class Digits:
    train_x: Any
    train_y: Any
    test_x: Any
    test_y: Any


@dataclass(frozen=True)
class Curve:
    """The loss over all training pictures at some steps, and the share of test pictures read rightly at the end."""

    steps: tuple[int, ...]
    losses: tuple[float, ...]
    accuracy: float


def load() -> Digits:
    """The pictures in a fixed random order, pixels in [0, 1]. ImportError without scikit-learn."""
    from sklearn.datasets import load_digits

    data: Any = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    x, y = data.data[order] / 16.0, data.target[order]
    return Digits(x[:TRAINING], y[:TRAINING], x[TRAINING:], y[TRAINING:])


def start(seed: int) -> Params:
    """64-32-10, weights of variance 2/inputs, biases 0."""
    rng = np.random.default_rng(seed)
    return {
        "hidden": {"weight": rng.normal(size=(PIXELS, HIDDEN)) * np.sqrt(2 / PIXELS), "bias": np.zeros(HIDDEN)},
        "output": {"weight": rng.normal(size=(HIDDEN, CLASSES)) * np.sqrt(2 / HIDDEN), "bias": np.zeros(CLASSES)},
    }


def batches(epochs: int, seed: int) -> Iterator[Any]:
    """The indices of each batch: every epoch in a new order, its last incomplete batch left out."""
    rng = np.random.default_rng(1000 + seed)
    for _ in range(epochs):
        order = rng.permutation(TRAINING)
        yield from order[: TRAINING - TRAINING % BATCH].reshape(-1, BATCH)


def scores(params: Params, x: Any) -> tuple[Any, Any]:
    """The hidden layer and the log-probabilities of the classes."""
    hidden = np.maximum(x @ params["hidden"]["weight"] + params["hidden"]["bias"], 0)
    raw = hidden @ params["output"]["weight"] + params["output"]["bias"]
    raw = raw - raw.max(axis=1, keepdims=True)
    return hidden, raw - np.log(np.exp(raw).sum(axis=1, keepdims=True))


def loss(params: Params, x: Any, y: Any) -> float:
    """Mean cross-entropy."""
    return float(-scores(params, x)[1][np.arange(len(y)), y].mean())


def accuracy(params: Params, x: Any, y: Any) -> float:
    return float((scores(params, x)[1].argmax(axis=1) == y).mean())


def gradients(params: Params, x: Any, y: Any) -> Params:
    """Backpropagation of the mean cross-entropy."""
    hidden, log_p = scores(params, x)
    out = np.exp(log_p)
    out[np.arange(len(y)), y] -= 1
    out /= len(y)
    back = (out @ params["output"]["weight"].T) * (hidden > 0)
    return {
        "hidden": {"weight": x.T @ back, "bias": back.sum(axis=0)},
        "output": {"weight": hidden.T @ out, "bias": out.sum(axis=0)},
    }


def looks(total: int) -> set[int]:
    """The steps at which the loss is taken: every epoch, and densely in the first three, where it falls fast."""
    epoch = TRAINING // BATCH
    early = np.round(np.geomspace(1, 3 * epoch, 20)).astype(int)
    return {0, total, *(int(s) for s in early if s <= total), *range(epoch, total + 1, epoch)}


def train(optimizer: Any, digits: Digits, epochs: int, seed: int, view: str | None = None) -> Curve:
    """Train with an adaspec NumPy optimizer; `view` names the reading of the parameters that is judged."""
    params = start(seed)
    state = optimizer.init(params)
    order = list(batches(epochs, seed))
    seen = looks(len(order))
    steps: list[int] = []
    losses: list[float] = []
    for step in range(len(order) + 1):
        if step in seen:
            judged = optimizer.view(view, params, state) if view and step else params
            steps.append(step)
            losses.append(loss(judged, digits.train_x, digits.train_y))
        if step < len(order):
            x, y = digits.train_x[order[step]], digits.train_y[order[step]]
            params, state = optimizer.step(params, gradients(params, x, y), state)
    judged = optimizer.view(view, params, state) if view else params
    return Curve(tuple(steps), tuple(losses), accuracy(judged, digits.test_x, digits.test_y))
