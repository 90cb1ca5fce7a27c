"""Who races on the digits, how each gets its learning rate, and the same race on torch."""

from __future__ import annotations

import contextlib
import importlib
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..build import build
from ..library import load
from ..spec import Spec
from . import digits
from .digits import Curve, Digits

LIBRARY = ("sgd", "momentum", "rmsprop", "adam", "adax", "adafactor", "lamb", "schedule_free")
RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


@dataclass(frozen=True)
class Effort:
    """How long the race is. The learning rate is chosen with a seed that is not raced with."""

    epochs: int = 30
    seeds: tuple[int, ...] = (1, 2, 3, 4, 5)
    rates: tuple[float, ...] = RATES

    def runs(self, entrants: int) -> int:
        return entrants * (len(self.rates) + len(self.seeds))


QUICK = Effort(epochs=2, seeds=(1, 2), rates=(0.01, 0.1))


@dataclass(frozen=True)
class Entry:
    """One rule's race: its best learning rate and a curve for each seed."""

    spec: Spec
    rate: float
    curves: tuple[Curve, ...]

    @property
    def steps(self) -> tuple[int, ...]:
        return self.curves[0].steps

    @property
    def median(self) -> list[float]:
        """The median loss over the seeds, step by step."""
        return [statistics.median(losses) for losses in zip(*(c.losses for c in self.curves), strict=True)]

    @property
    def final(self) -> list[float]:
        """The last loss of each seed, in ascending order."""
        return sorted(c.losses[-1] for c in self.curves)

    @property
    def accuracy(self) -> float:
        return statistics.median(c.accuracy for c in self.curves)


def view(spec: Spec) -> str | None:
    """The reading of the parameters that is to be judged: Schedule-Free's average, not the point that it trains at."""
    return "eval" if "eval" in spec.views else None


def race(specs: Sequence[Spec], data: Digits, effort: Effort, told: Callable[[str], None]) -> list[Entry]:
    """Every rule at the best of its learning rates, best loss first. The same beginnings and batches for all."""
    entries = []
    with _one_thread():
        for spec in specs:
            optimizer = build(spec, "numpy")

            def train(rate: float, seed: int, optimizer: Any = optimizer, spec: Spec = spec) -> Curve:
                told(f"{spec.name}, learning rate {rate:g}")
                return digits.train(optimizer(lr=rate), data, effort.epochs, seed, view(spec))

            with np.errstate(all="ignore"):  # the highest learning rates are there to be too high
                tried = {rate: _final(train(rate, 0)) for rate in effort.rates}
                rate = min(tried, key=lambda r: tried[r])
                entries.append(Entry(spec, rate, tuple(train(rate, seed) for seed in effort.seeds)))
    return sorted(entries, key=lambda e: e.final[len(e.final) // 2])


def on_torch(entry: Entry, data: Digits, effort: Effort) -> Curve:
    """The first seed's run again, on torch: its autograd, the torch optimizer that adaspec generates, float64."""
    torch: Any = importlib.import_module("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # tensors this small wait longer for a second thread than it saves
    try:
        return _on_torch(torch, entry, data, effort)
    finally:
        torch.set_num_threads(threads)


def _on_torch(torch: Any, entry: Entry, data: Digits, effort: Effort) -> Curve:
    begin = digits.start(effort.seeds[0])
    params = {k: {n: torch.nn.Parameter(torch.tensor(a)) for n, a in layer.items()} for k, layer in begin.items()}
    flat = [p for layer in params.values() for p in layer.values()]
    optimizer = build(entry.spec, "torch")(flat, lr=entry.rate)
    x, y = torch.tensor(data.train_x), torch.tensor(data.train_y)
    reading = view(entry.spec)

    def loss(x: Any, y: Any) -> Any:
        hidden = torch.relu(x @ params["hidden"]["weight"] + params["hidden"]["bias"])
        return torch.nn.functional.cross_entropy(hidden @ params["output"]["weight"] + params["output"]["bias"], y)

    def judged(step: int) -> float:
        with torch.no_grad(), optimizer.view(reading) if reading and step else contextlib.nullcontext():
            return float(loss(x, y))

    order = list(digits.batches(effort.epochs, effort.seeds[0]))
    seen = digits.looks(len(order))
    losses = [judged(0)]
    for step, batch in enumerate(order, 1):
        optimizer.zero_grad()
        loss(x[batch], y[batch]).backward()
        optimizer.step()
        if step in seen:
            losses.append(judged(step))
    return Curve(tuple(sorted(seen)), tuple(losses), math.nan)


def difference(one: Curve, other: Curve, until: float = math.inf) -> float:
    """The largest relative difference of two loss curves up to a step."""
    pairs = zip(one.steps, one.losses, other.losses, strict=True)
    return max(abs(a - b) / abs(b) for step, a, b in pairs if step <= until)


def specs(newcomer: Spec) -> list[Spec]:
    return [*(load(name) for name in LIBRARY), newcomer]


def _final(curve: Curve) -> float:
    return curve.losses[-1] if math.isfinite(curve.losses[-1]) else math.inf


@contextlib.contextmanager
def _one_thread():
    """Matrices this small are slower on many threads. threadpoolctl comes with scikit-learn."""
    try:
        limits = importlib.import_module("threadpoolctl").threadpool_limits(1)
    except ImportError:
        yield
        return
    with limits:
        yield
