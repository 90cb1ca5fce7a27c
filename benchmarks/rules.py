"""The rules that are measured: which spec stands for each in a framework, who the peers are, and the loop by hand in C.

A peer is named with the arguments that make it take the same step. Where frameworks have rules of one name that differ
(LAMB, Adafactor, Muon), each is measured as its own framework's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Peers = dict[str, list[dict[str, Any]]]


def peer(of: str, **arguments: Any) -> dict[str, Any]:
    return {"of": of, "arguments": arguments}


def loop(body: str, *slots: str, scalars: str = "") -> dict[str, Any]:
    return {"body": body, "slots": list(slots), "scalars": scalars}


@dataclass(frozen=True)
class Rule:
    """`spec`: by target where it is not the same for all (""); `workloads`: those that are sensible, all if empty."""

    spec: dict[str, str]
    peers: Peers = field(default_factory=dict)
    loop: dict[str, Any] | None = None
    workloads: tuple[str, ...] = ()
    extra: dict[str, list[str]] = field(default_factory=dict)
    """By target, functions of `extra.py` that make more contenders."""

    def on(self, target: str) -> str:
        return self.spec.get(target, self.spec[""])


BIAS = "const double t = h[0]; const float c1 = 1 - pow(0.9, t), c2 = 1 - pow(0.999, t);"
MOMENTS = "m[i] = 0.9f * m[i] + 0.1f * g[i]; v[i] = 0.999f * v[i] + 0.001f * g[i] * g[i];"
ADAM = f"{MOMENTS} x[i] -= rate * m[i] / (sqrtf(v[i]) + eps);"
ADAM_SCALARS = f"{BIAS} const float rate = 1e-3 * sqrt(c2) / c1, eps = 1e-8 * sqrt(c2);"

RULES: dict[str, Rule] = {
    "adam": Rule(
        {"": "adam"},
        {
            "torch": [peer("torch.optim.Adam"), peer("optimi.Adam", lr=1e-3)],
            "jax": [peer("optax.adam", learning_rate=1e-3)],
            "tensorflow": [peer("keras.optimizers.Adam")],
        },
        loop(ADAM, "m", "v", scalars=ADAM_SCALARS),
        extra={
            "jax": ["benchmarks.extra.keras_on_jax"],
            "tensorflow": ["benchmarks.extra.resource_apply_adam"],
        },
    ),
    "adamw": Rule(
        {"": "adamw"},
        {
            "torch": [peer("torch.optim.AdamW"), peer("optimi.AdamW", lr=1e-3, weight_decay=1e-2)],
            "jax": [peer("optax.adamw", learning_rate=1e-3, weight_decay=1e-2)],
            "tensorflow": [peer("keras.optimizers.AdamW", weight_decay=1e-2)],
        },
        loop(f"x[i] *= 1 - 1e-5f; {ADAM}", "m", "v", scalars=ADAM_SCALARS),
    ),
    "sgd": Rule(
        {"": "sgd"},
        {
            "torch": [peer("torch.optim.SGD", lr=1e-2)],
            "jax": [peer("optax.sgd", learning_rate=1e-2)],
            "tensorflow": [peer("keras.optimizers.SGD")],
        },
        loop("x[i] -= 1e-2f * g[i];"),
    ),
    "momentum": Rule(
        {"": "momentum"},
        {
            "torch": [peer("torch.optim.SGD", lr=1e-2, momentum=0.9)],
            "jax": [peer("optax.sgd", learning_rate=1e-2, momentum=0.9)],
            "tensorflow": [peer("keras.optimizers.SGD", momentum=0.9)],
        },
        loop("m[i] = 0.9f * m[i] + g[i]; x[i] -= 1e-2f * m[i];", "m"),
    ),
    "lion": Rule(
        {"": "lion"},
        {
            "torch": [peer("optimi.Lion", lr=1e-4), peer("pytorch_optimizer.Lion"), peer("timm.optim.lion.Lion")],
            "jax": [peer("optax.lion", learning_rate=1e-4)],
            "tensorflow": [peer("keras.optimizers.Lion")],
        },
        loop(
            "float u = 0.9f * m[i] + 0.1f * g[i]; m[i] = 0.99f * m[i] + 0.01f * g[i];"
            " x[i] -= 1e-4f * ((u > 0) - (u < 0));",
            "m",
        ),
    ),
    "adax": Rule(
        {"": "adax"},
        loop=loop(
            "m[i] = 0.9f * m[i] + 0.1f * g[i]; v[i] += b * (g[i] * g[i] - v[i]);"
            " x[i] -= 1e-3f * m[i] / sqrtf(v[i] + 1e-8f);",
            "m", "v",
            scalars="const float b = 1e-4 / (1 - pow(1 + 1e-4, -h[0]));",
        ),
    ),
    "adan": Rule(
        {"": "adan"},
        {
            "torch": [peer("optimi.Adan", lr=1e-3), peer("pytorch_optimizer.Adan"), peer("timm.optim.adan.Adan")],
            "jax": [peer("optax.adan", learning_rate=1e-3)],
        },
    ),
    "ademamix": Rule(
        {"": "ademamix"},
        {
            "torch": [peer("pytorch_optimizer.AdEMAMix")],
            "jax": [peer("optax.contrib.ademamix", learning_rate=1e-3)],
        },
    ),
    "lamb": Rule(
        {"": "lamb", "torch": "lamb:timm", "jax": "lamb:optax", "tensorflow": "lamb:keras"},
        {
            "torch": [peer("timm.optim.lamb.Lamb")],
            "jax": [peer("optax.lamb", learning_rate=1e-3)],
            "tensorflow": [peer("keras.optimizers.Lamb")],
        },
    ),
    "adafactor": Rule(
        {"": "adafactor", "torch": "adafactor:torch", "jax": "adafactor:optax", "tensorflow": "adafactor:keras"},
        {
            "torch": [peer("torch.optim.Adafactor")],
            "jax": [peer("optax.adafactor", learning_rate=1e-3)],
            "tensorflow": [peer("keras.optimizers.Adafactor")],
        },
    ),
    "muon": Rule(
        {"": "muon", "torch": "muon:torch", "jax": "muon:optax", "tensorflow": "muon:keras"},
        {
            "torch": [peer("torch.optim.Muon")],
            "jax": [peer("optax.contrib.muon", learning_rate=1e-3)],
            "tensorflow": [peer("keras.optimizers.Muon")],
        },
        workloads=("mlp",),  # its matrix products of anything larger take seconds, and are the library's, not ours
    ),
}  # fmt: skip
