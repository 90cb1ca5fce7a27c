"""Models and gradients to run rules on: what every comparison of two implementations is made with."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

import adaspec
from adaspec.library import rules

Array = np.ndarray
Model = list[Array]

MATRICES_ONLY = {"adamuon", "muon", "normuon", "psgd_diag", "psgd_kron"}

# Beside its defaults each of these rules is run where its other branches and terms count.
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "adafactor": [{"clip": 0.3, "decay": 0.5, "eps2": 0.5}],
    "adam_eps_hat": [{"weight_decay": 0.1}, {"amsgrad": True}],
    "adam_l2": [{"weight_decay": 0.1, "rescale_grad": 0.5, "clip_gradient": 0.3}],
    "adamw_mx": [{"weight_decay": 0.1, "rescale_grad": 0.5, "clip_gradient": 0.3}],
    "adamw_bert": [{"weight_decay": 0.1, "rescale_grad": -0.5, "clip_gradient": 0.3}],
    "adam_poly": [{"c": 0.5}],
    "adam": [{"beta1": 0.0, "beta2": 0.5}],
    "adam_ema": [{"beta1": 0.0, "beta2": 0.5}],
    "adamnx": [{"weight_decay": 0.1, "beta2": 0.5}],
    "adax": [{"beta2": 0.5}],
    "galore": [{"rank": 2, "gap": 5, "scale": 0.5, "weight_decay": 0.1}],
    "lamb": [{"weight_decay": 0.1}],
    "lars": [{"weight_decay": 0.1, "together": False}],
    "simplified_ademamix": [{"weight_decay": 0.1, "decoupled": False, "alpha": 2.0}],
    "yogi": [{"weight_decay": 0.1, "decoupled": True, "bias_correction": False}],
    "sgld": [{"b": 2.5, "seed": 5}],
    "muon": [{"steps": 3, "weight_decay": 0.0}],
    "prodigy": [{"d0": 1e-2, "weight_decay": 0.1}, {"lr": 0.0}],
    "schedule_free": [{"weight_decay": 0.1, "beta1": 0.5}, {"lr": 0.0}],
    "schedule_free_mean": [{"weight_decay": 0.1, "warmup_steps": 5.0}],
}


def of_gradients_alone() -> list[str]:
    """The rules without inputs, and without decompositions, whose basis is each library's own choice off full rank.

    The others run with their inputs, and on full rank, in test_inputs, test_matrices, test_verify and test_proof.
    """
    specs = (adaspec.load(name) for name in rules())
    return [s.name for s in specs if not s.inputs and not {"eigh(", "qr("} & set(re.findall(r"\w+\(", s.text))]


def shapes(rule: str) -> list[tuple[int, ...]]:
    """0-d to 4-D; the last two axes of the 4-D array are its largest, so that every Adafactor factors the same two."""
    return [(4, 3), (3, 5), (6, 6)] if rule in MATRICES_ONLY else [(), (5,), (4, 3), (2, 2, 4, 3)]


def problem(rule: str, steps: int = 20, scale: float = 1.0, seed: int = 0) -> tuple[Model, list[Model]]:
    """A model and its gradients: noise about a lasting direction, so that distance-based rules have a way to go."""
    rng = np.random.default_rng(seed)
    params = [rng.normal(size=shape) for shape in shapes(rule)]
    means = [rng.normal(size=shape) for shape in shapes(rule)]
    grads = [[scale * (mean + rng.normal(size=mean.shape) / 2) for mean in means] for _ in range(steps)]
    # A 0-d result of arithmetic is a NumPy scalar, and rules are about arrays.
    return [np.asarray(x) for x in params], [[np.asarray(g) for g in step] for step in grads]


def distance(left: Model, right: Model) -> float:
    """The largest difference, relative to the largest element of its array (or to 1 where that is smaller)."""
    pairs = list(zip(left, right, strict=True))
    assert all(np.shape(a) == np.shape(b) for a, b in pairs)
    gaps = [np.max(np.abs(a - b), initial=0) / max(1.0, np.max(np.abs(b), initial=0)) for a, b in pairs]
    return float(max(gaps))


def arrays(cls: Any) -> dict[str, Any]:
    """The options with which a torch class takes its steps by array operations."""
    return {"fused": False} if getattr(cls, "_kernels", None) is not None else {}
