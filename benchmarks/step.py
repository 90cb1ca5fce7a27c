"""One step of Adam in float32, adaspec's beside the best-known peer of each framework, in one interleaved run.

    python benchmarks/step.py [--size 25000000] [--tensors 1] [--rounds 11] [--json]

Each number is the median processor time of a step at one thread, which neighbours on the machine do not disturb; within
10 % is a tie. Peers: `torch.optim.Adam(foreach=True)`, plain NumPy expressions, `optax.adam` under jit with donation.
"""

from __future__ import annotations

import os

# One processor and one thread, before any framework counts them.
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

import adaspec

Step = Callable[[], object]
TIE = 1.1


@dataclass
class Race:
    """Two ways to take the same step; `goal` is how many times faster ours has to be."""

    target: str
    peer_name: str
    goal: float
    ours: Step
    peer: Step
    times: dict[str, list[float]] = field(default_factory=lambda: {"ours": [], "peer": []})

    def round(self, keep: bool) -> None:
        for name, step in (("ours", self.ours), ("peer", self.peer)):
            # Timed after a step of its own: who comes second in a round must not profit from warmer caches.
            step()
            start = time.process_time()
            step()
            taken = time.process_time() - start
            if keep:
                self.times[name].append(taken)

    def result(self) -> dict[str, object]:
        ours, peer = (1e3 * statistics.median(self.times[name]) for name in ("ours", "peer"))
        ratio = peer / ours
        return {
            "target": self.target,
            "peer": self.peer_name,
            "ours_ms": round(ours, 3),
            "peer_ms": round(peer, 3),
            "speedup": round(ratio, 3),
            "goal": self.goal,
            "met": ratio * TIE >= self.goal if self.goal == 1 else ratio >= self.goal,
        }


def model(size: int, tensors: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(0)

    def arrays() -> list[np.ndarray]:
        return [rng.standard_normal(max(1, size // tensors), dtype=np.float32) for _ in range(tensors)]

    return arrays(), arrays()


def torch_race(size: int, tensors: int) -> Race:
    import torch

    torch.set_num_threads(1)

    def stepper(make: Callable[..., torch.optim.Optimizer]) -> Step:
        params, grads = model(size, tensors)
        leaves = [torch.nn.Parameter(torch.from_numpy(x)) for x in params]
        for leaf, g in zip(leaves, grads, strict=True):
            leaf.grad = torch.from_numpy(g)
        return make(leaves).step

    ours = stepper(adaspec.build(adaspec.load("adam"), "torch"))
    return Race("torch", "torch Adam (foreach)", 1, ours, stepper(lambda p: torch.optim.Adam(p, foreach=True)))


def numpy_race(size: int, tensors: int) -> Race:
    opt = adaspec.build(adaspec.load("adam"), "numpy")()
    params, grads = model(size, tensors)
    state = opt.init(params)

    x, g = model(size, tensors)
    m, v, t = [np.zeros_like(a) for a in x], [np.zeros_like(a) for a in x], 0

    def naive(lr: float = 1e-3, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> None:
        nonlocal t
        t += 1
        for i in range(len(x)):
            m[i] = b1 * m[i] + (1 - b1) * g[i]
            v[i] = b2 * v[i] + (1 - b2) * g[i] ** 2
            m_hat = m[i] / (1 - b1**t)
            v_hat = v[i] / (1 - b2**t)
            x[i] = x[i] - lr * m_hat / (np.sqrt(v_hat) + eps)

    return Race("numpy", "plain expressions", 2, lambda: opt.step(params, grads, state), naive)


def jax_race(size: int, tensors: int) -> Race:
    import jax
    import optax

    def stepper(tx: optax.GradientTransformation) -> Step:
        params, grads = ([jax.numpy.asarray(a) for a in arrays] for arrays in model(size, tensors))
        state = tx.init(params)

        def update(params, state, grads):
            updates, state = tx.update(grads, state, params)
            return optax.apply_updates(params, updates), state

        jitted = jax.jit(update, donate_argnums=(0, 1))

        def step() -> None:
            nonlocal params, state
            params, state = jax.block_until_ready(jitted(params, state, grads))

        return step

    ours = stepper(adaspec.build(adaspec.load("adam"), "jax")(1e-3))
    return Race("jax", "optax.adam (donated)", 1, ours, stepper(optax.adam(1e-3)))


RACES = {"torch": ("torch", torch_race), "numpy": ("numpy", numpy_race), "jax": ("optax", jax_race)}


def table(results: list[dict[str, object]], title: str) -> Table:
    shown = Table(title=title)
    for column in ("target", "adaspec ms", "peer", "peer ms", "times faster", "goal"):
        shown.add_column(column, justify="left" if column in ("target", "peer") else "right")
    for r in results:
        style = "green" if r["met"] else "red"
        goal = f"≥ {r['goal']}"
        ratio = f"[{style}]{r['speedup']:.2f}[/]"
        shown.add_row(str(r["target"]), f"{r['ours_ms']:.2f}", str(r["peer"]), f"{r['peer_ms']:.2f}", ratio, goal)
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=25_000_000, help="elements in the model")
    parser.add_argument("--tensors", type=int, default=1, help="arrays they are spread over")
    parser.add_argument("--rounds", type=int, default=11, help="timed rounds, after two that warm up")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    options = parser.parse_args()

    console = Console(stderr=options.json)
    missing = [target for target, (module, _) in RACES.items() if find_spec(module) is None]
    races = [make(options.size, options.tensors) for target, (_, make) in RACES.items() if target not in missing]
    for n in track(range(options.rounds + 2), "Racing", console=console, transient=True):
        for race in races:
            race.round(keep=n >= 2)
    results = [race.result() for race in races]
    if options.json:
        print(json.dumps({"size": options.size, "tensors": options.tensors, "results": results}, indent=2))
        return
    console.print(table(results, f"one Adam step, {options.size:,} elements in {options.tensors} array(s), one thread"))
    for target in missing:
        console.print(f"not raced: {target} is not installed")


if __name__ == "__main__":
    main()
