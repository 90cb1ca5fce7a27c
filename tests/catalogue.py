"""The generated pages: docs/catalogue.md and docs/same-name.md.

`python tests/catalogue.py` writes them from the library and from what was measured last (tests/measured.json);
`--measure` first runs every dialect beside its original in every trial, which takes some minutes. A test holds the
pages against the library.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

for key, value in {"OMP_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu", "KERAS_BACKEND": "tensorflow"}.items():
    os.environ.setdefault(key, value)

import numpy as np

import adaspec
from adaspec import library
from adaspec.constructs import CONSTRUCTS, constructs
from adaspec.latex import latex
from adaspec.spec import Spec

ROOT = Path(__file__).parents[1]
MEASURED = ROOT / "tests" / "measured.json"
CATALOGUE = ROOT / "docs" / "catalogue.md"
SAME_NAME = ROOT / "docs" / "same-name.md"
SHAPES = ((512,), (512, 256), (64, 32, 3, 3))


# Measuring


def measure() -> dict[str, float]:
    """The largest relative distance of every dialect from its original, over 50 steps of its first two trials."""
    from rich.progress import track

    from originals import ORIGINALS

    found: dict[str, float] = {}
    with ProcessPoolExecutor(2) as pool:
        running = {pool.submit(worst, i): entry.name for i, entry in enumerate(ORIGINALS)}
        for future in track(as_completed(running), "measuring", len(running)):
            name = running[future]
            found[name] = max(found.get(name, 0.0), future.result())
    return {name: float(f"{found[name]:.0e}") for name in sorted(found)}


def worst(index: int) -> float:
    from originals import ORIGINALS, distances, trials

    entry = ORIGINALS[index]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        # Untouched, and drawn with a schedule; the proof makes all of them.
        return max(gap for trial in trials(entry)[:2] for gap in distances(entry, trial))


# The catalogue


def catalogue(measured: dict[str, float]) -> str:
    specs = {name: adaspec.load(name) for name in library.rules()}
    dialects = [name for name in adaspec.names() if ":" in name]
    proven = [name for name in dialects if library.equals(name)]
    lines = [
        "# The catalogue",
        "",
        f"{len(specs)} rules and {len(dialects)} dialects: each runs on NumPy, torch, JAX and TensorFlow. "
        f"{len(proven)} dialects are proven equal to an installed original, step by step over 50 steps in float64, "
        "with drawn hyperparameters, scheduled learning rates, tiny and zero gradients (`make prove`). *Distance* is "
        "the largest difference of two trials, one untouched and one with drawn hyperparameters, relative to the "
        "largest element of a parameter.",
        "",
        "This page is written by `make catalogue`. In the equations η is the learning rate, λ the weight decay, and a "
        "state before it is bound is of the step before. See also [the same name, different numbers](same-name.md).",
        "",
        "| word | a rule with it uses |",
        "|---|---|",
        *(f"| {word} | {about} |" for word, (about, _) in CONSTRUCTS.items()),
        "",
        "| rule | uses | state | equals |",
        "|---|---|---|---|",
        *(_summary(spec) for spec in specs.values()),
        "",
    ]
    for spec in specs.values():
        lines += _section(spec, measured)
    return "\n".join(lines).rstrip() + "\n"


def _summary(spec: Spec) -> str:
    equal = [name for name in spec.dialects if library.equals(name)]
    shown = ", ".join(f"`{name}`" for name in equal)
    return f"| [{spec.name}](#{spec.name}) | {', '.join(constructs(spec))} | {_cost(spec)} | {shown} |"


def _section(spec: Spec, measured: dict[str, float]) -> Iterator[str]:
    yield from (f"## {spec.name}", "", f"{spec.title}. {spec.reference}", "", "$$", latex(spec), "$$", "")
    given = ", ".join(f"`{h.name}` {_plain(h.default)}" for h in spec.hypers.values())
    yield f"Uses: {', '.join(constructs(spec))}. State: {_cost(spec)}. Hyperparameters: {given or 'none'}."
    yield ""
    if spec.dialects:
        yield "| dialect | with | equals | distance |"
        yield "|---|---|---|---|"
        for name, values in spec.dialects.items():
            settings = ", ".join(f"{k}={_plain(v)}" for k, v in values.items()) or "the defaults"
            equal = library.equals(name)
            distance = f"{measured[name]:.0e}" if name in measured else ""
            yield f"| `{name}` | {settings} | {f'{equal.of} {equal.version}' if equal else ''} | {distance} |"
        yield ""


def _plain(value: Any) -> str:
    return str(value)


def _cost(spec: Spec) -> str:
    """State elements per element of a parameter: one number, or one for each shape where they differ."""
    found = []
    for shape in SHAPES:
        try:
            spec.check_shape(shape)
        except ValueError:
            found.append(None)
            continue
        held = sum(math.prod(s.shape) for s in spec.state(shape).values())
        found.append(f"{held / math.prod(shape):.3g}")
    numbers = [n for n in found if n is not None]
    if len(set(numbers)) == 1:
        return f"{numbers[0]}×"
    pairs = zip(SHAPES, found, strict=True)
    return ", ".join(f"{n}× of {'×'.join(map(str, shape))}" for shape, n in pairs if n is not None)


# The same name, different numbers

FAMILIES: dict[str, dict[str, Any]] = {
    "adam": {"lr": 0.01, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
    "nadam": {"lr": 0.01, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
    "rmsprop": {"lr": 0.01, "decay": 0.9, "eps": 1e-8},
    "amsgrad": {"lr": 0.01, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
    "adafactor": {"lr": 0.01, "clip": 1.0, "momentum": None, "beta1": None, "relative_step": False, "least": 1},
    "lamb": {"lr": 0.01, "beta1": 0.9, "beta2": 0.999, "eps": 1e-6, "weight_decay": 0.1},
    "muon": {"lr": 0.01, "momentum": 0.9, "beta": 0.9, "weight_decay": 0.0},
    "sgd": {"lr": 0.01, "mu": 0.9},
}
"""Each family with the values that every dialect of it is given in the second table."""

STEPS = (1, 2, 3, 5, 10)


def same_name() -> str:
    lines = [
        "# The same name, different numbers",
        "",
        "How far a weight has moved after the first steps, under optimizers of the same name. Left as they come, they "
        "differ in their defaults; given the same hyperparameters, they still differ in their equations, and "
        "`adaspec diff adam:torch adam:keras` shows where. The weight is the first of a 4 × 3 array; the gradients are "
        "of the size 1e-5 to 1e-3, as late in training, and the learning rate halves after step 3. *Apart* is the "
        "largest difference of the whole array from the first row's, in percent of its movement.",
        "",
    ]
    for family, values in FAMILIES.items():
        dialects = sorted((name for name in adaspec.names() if name.startswith(f"{family}:")), key=_rank)
        if len(dialects) < 2:
            continue
        lines += [f"## {family}", ""]
        lines += _moves("As they come", [(name, {}) for name in dialects])
        known = {name: adaspec.load(name).hypers for name in dialects}
        shared = {k: v for k, v in values.items() if any(k in hypers for hypers in known.values())}
        said = ", ".join(f"{k}={v}" for k, v in shared.items())
        given = [(name, {k: v for k, v in shared.items() if k in known[name]}) for name in dialects]
        lines += _moves(f"With the same hyperparameters, {said}", given)
    return "\n".join(lines).rstrip() + "\n"


def _rank(name: str) -> tuple[int, str]:
    first = ("paper", "torch", "optax", "keras")
    library = name.partition(":")[2]
    return first.index(library) if library in first else len(first), name


def _moves(title: str, given: list[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    yield f"{title}:"
    yield ""
    yield f"| dialect | {' | '.join(f'step {t}' for t in STEPS)} | apart |"
    yield f"|---|{'---:|' * (len(STEPS) + 1)}"
    found = {name: moves(name, hypers) for name, hypers in given}
    first = next(iter(found.values()))
    for name, path in found.items():
        apart = max(np.max(np.abs(a - b)) / np.max(np.abs(b)) for a, b in zip(path, first, strict=True))
        cells = [f"{move[0, 0]:.4g}" for move in path]
        yield f"| `{name}` | {' | '.join(cells)} | {_percent(float(apart))} |"
    yield ""


def _percent(share: float) -> str:
    return "" if share < 1e-9 else f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def moves(name: str, hypers: dict[str, Any]) -> list[np.ndarray]:
    """How far each weight is from its beginning after each of STEPS."""
    opt = adaspec.interpret(name, **hypers)
    rng = np.random.default_rng(0)
    start = rng.normal(size=(4, 3))
    x, state = start, opt.init(start)
    found = []
    for t in range(1, max(STEPS) + 1):
        g = rng.normal(size=(4, 3)) * 10.0 ** rng.uniform(-5, -3, size=(4, 3))
        lr = opt.hypers.get("lr")
        rate = {} if lr is None else {"lr": lr * (1.0 if t <= 3 else 0.5)}
        x, state = opt.step(x, g, state, **rate)
        if t in STEPS:
            found.append(x - start)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="Write docs/catalogue.md and docs/same-name.md.")
    parser.add_argument("--measure", action="store_true", help="run every dialect beside its original first")
    if parser.parse_args().measure:
        MEASURED.write_text(json.dumps(measure(), indent=1) + "\n", encoding="utf-8")
    CATALOGUE.write_text(catalogue(json.loads(MEASURED.read_text(encoding="utf-8"))), encoding="utf-8")
    SAME_NAME.write_text(same_name(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
