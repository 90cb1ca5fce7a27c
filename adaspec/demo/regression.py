"""Linear regression with one rule on every framework: the same data, the same batches, the same path to the answer.

y = 2·x₁ − 3.4·x₂ + 4.2 and a little noise; squared loss; Adam as adaspec generates it. Each framework differentiates
the loss itself, NumPy by hand. All run in float64, so that what is left between them is rounding and nothing else.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..build import NEEDS, build
from ..cli.terminal import installed
from ..spec import Spec

TRUTH = (2.0, -3.4, 4.2)
SAMPLES, BATCH, EPOCHS, RATE, NOISE = 1000, 10, 3, 0.1, 0.01


@dataclass(frozen=True)
class Problem:
    """Samples in the order in which they are met, as batches, and where the search begins."""

    x: Any
    y: Any
    weight: Any
    bias: Any


@dataclass(frozen=True)
class Path:
    """(w₁, w₂, b) after every step of one framework; `problem` says why there is none."""

    target: str
    versions: str
    points: Any
    seconds: float
    problem: str = ""

    def distance(self, other: Path) -> float:
        """The largest difference of any parameter at any step."""
        return float(np.max(np.abs(self.points - other.points)))


def problem(epochs: int = EPOCHS, seed: int = 1) -> Problem:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(SAMPLES, 2))
    y = x @ np.array(TRUTH[:2]) + TRUTH[2] + NOISE * rng.normal(size=SAMPLES)
    order = np.concatenate([rng.permutation(SAMPLES) for _ in range(epochs)]).reshape(-1, BATCH)
    return Problem(x[order], y[order], NOISE * rng.normal(size=2), np.zeros(1))


def run(spec: Spec, target: str, task: Problem) -> Path:
    """Follow the rule on one framework. Never raises for a framework that does not work: it says so."""
    versions = ", ".join(f"{m} {installed(m)}" for m in NEEDS[target])
    begin = time.perf_counter()
    try:
        points = np.array(RUNS[target](build(spec, target), task))
    except Exception as error:
        text = str(error).strip().split("\n")[0]
        return Path(target, versions, None, 0.0, f"{type(error).__name__}: {text}")
    return Path(target, versions, points, time.perf_counter() - begin)


def loss(point: Any, task: Problem) -> float:
    """Half the mean square of what is left over."""
    rest = task.x @ point[:2] + point[2] - task.y
    return float(np.mean(rest**2) / 2)


def on_numpy(optimizer: Any, task: Problem) -> list[Any]:
    params = {"weight": task.weight.copy(), "bias": task.bias.copy()}
    chosen = optimizer(lr=RATE)
    state = chosen.init(params)
    points = [np.append(params["weight"], params["bias"])]
    for x, y in zip(task.x, task.y, strict=True):
        rest = x @ params["weight"] + params["bias"] - y
        grads = {"weight": x.T @ rest / BATCH, "bias": np.mean(rest, keepdims=True)}
        params, state = chosen.step(params, grads, state)
        points.append(np.append(params["weight"], params["bias"]))
    return points


def on_torch(optimizer: Any, task: Problem) -> list[Any]:
    torch: Any = importlib.import_module("torch")
    weight = torch.nn.Parameter(torch.tensor(task.weight))
    bias = torch.nn.Parameter(torch.tensor(task.bias))
    chosen = optimizer([weight, bias], lr=RATE)
    points = [np.append(weight.detach().numpy(), bias.detach().numpy())]
    for x, y in zip(torch.tensor(task.x), torch.tensor(task.y), strict=True):
        chosen.zero_grad()
        (torch.mean((x @ weight + bias - y) ** 2) / 2).backward()
        chosen.step()
        points.append(np.append(weight.detach().numpy(), bias.detach().numpy()))
    return points


def on_jax(optimizer: Any, task: Problem) -> list[Any]:
    jax: Any = importlib.import_module("jax")
    optax: Any = importlib.import_module("optax")
    chosen = optimizer(learning_rate=RATE)

    def loss(params: Any, x: Any, y: Any) -> Any:
        return jax.numpy.mean((x @ params["weight"] + params["bias"] - y) ** 2) / 2

    @jax.jit
    def advance(params: Any, state: Any, x: Any, y: Any) -> Any:
        updates, state = chosen.update(jax.grad(loss)(params, x, y), state, params)
        return optax.apply_updates(params, updates), state

    with jax.enable_x64(True):  # in a scope: whoever called keeps their own precision
        params = {"weight": jax.numpy.asarray(task.weight), "bias": jax.numpy.asarray(task.bias)}
        state = chosen.init(params)
        points = [np.append(params["weight"], params["bias"])]
        for x, y in zip(task.x, task.y, strict=True):
            params, state = advance(params, state, x, y)
            points.append(np.append(params["weight"], params["bias"]))
    return points


def on_tensorflow(optimizer: Any, task: Problem) -> list[Any]:
    keras: Any = importlib.import_module("keras")
    tf: Any = importlib.import_module("tensorflow")
    before = keras.config.floatx()
    keras.config.set_floatx("float64")  # Keras keeps the learning rate in this dtype
    try:
        weight = keras.Variable(task.weight, dtype="float64", name="weight")
        bias = keras.Variable(task.bias, dtype="float64", name="bias")
        chosen = optimizer(learning_rate=RATE)
        chosen.build([weight, bias])

        @tf.function
        def advance(x: Any, y: Any) -> None:
            with tf.GradientTape() as tape:
                rest = tf.linalg.matvec(x, weight.value) + bias.value - y
                value = tf.reduce_mean(rest**2) / 2
            chosen.apply(tape.gradient(value, [weight.value, bias.value]), [weight, bias])

        points = [np.append(weight.numpy(), bias.numpy())]
        for x, y in zip(tf.constant(task.x), tf.constant(task.y), strict=True):
            advance(x, y)
            points.append(np.append(weight.numpy(), bias.numpy()))
    finally:
        keras.config.set_floatx(before)
    return points


RUNS: dict[str, Callable[[Any, Problem], list[Any]]] = {
    "numpy": on_numpy, "torch": on_torch, "jax": on_jax, "tensorflow": on_tensorflow,
}  # fmt: skip
