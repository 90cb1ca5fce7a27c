"""The AdaX family, and the rules that look at more than one element at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from .core import Model, State, rule
from .elementwise import adam_defaults

# AdaX. (1 + β2)^t - 1 is taken in extended precision: as it stands it loses five digits to cancellation at t = 1, and
# a reference that is itself wrong in the twelfth digit could judge nothing.


def adax_defaults(**changes: Any) -> dict[str, Any]:
    return {"lr": 1e-3, "beta1": 0.9, "beta2": 1e-4, "eps": 1e-8} | changes


def growth(t, h) -> float:
    return float((1 + np.longdouble(h.beta2)) ** t - 1)


def growing_moments(g, s, h):
    s.m = h.beta1 * s.m + (1 - h.beta1) * g
    s.v = (1 + h.beta2) * s.v + h.beta2 * g * g


@rule("m v", **adax_defaults())
def adax_raw(x, g, t, s, h, model):
    growing_moments(g, s, h)
    return x - h.lr * s.m / np.sqrt(s.v / growth(t, h) + h.eps)


@rule("m v", **adax_defaults())
def adax(x, g, t, s, h, model):
    b2 = 1 - h.beta2 / growth(t, h)
    s.m = h.beta1 * s.m + (1 - h.beta1) * g
    s.v = b2 * s.v + (1 - b2) * g * g
    return x - h.lr * s.m / np.sqrt(s.v + h.eps)


# The published codes keep the growing v, under `raw` here: the specs' v is the average it stands for, `v` below.


def raw_moments(x):
    return {"m": np.zeros_like(x), "raw": np.zeros_like(x), "v": np.zeros_like(x)}


def published_moments(g, t, s, h):
    s.m = h.beta1 * s.m + (1 - h.beta1) * g
    s.raw = (1 + h.beta2) * s.raw + h.beta2 * g * g
    s.v = s.raw / growth(t, h)


@rule(begin=raw_moments, **adax_defaults(eps=1e-6))
def adax_eps_outside(x, g, t, s, h, model):
    published_moments(g, t, s, h)
    return x - h.lr * s.m / (np.sqrt(s.v) + h.eps)


@rule(begin=raw_moments, **adax_defaults(lr=1.5e-3, eps=1e-12), weight_decay=5e-4)
def adax_l2(x, g, t, s, h, model):
    published_moments(g + h.weight_decay * x, t, s, h)
    return x - h.lr * np.sqrt(growth(t, h)) * s.m / (np.sqrt(s.raw) + h.eps)


@rule(begin=raw_moments, **adax_defaults(lr=5e-3, eps=1e-12), weight_decay=5e-2)
def adaxw(x, g, t, s, h, model):
    published_moments(g, t, s, h)
    x = x - h.lr * h.weight_decay * x
    return x - h.lr * np.sqrt(growth(t, h)) * s.m / (np.sqrt(s.raw) + h.eps)


# LARS, LAMB, Adafactor, Muon: a norm, two means, a product of matrices.


@rule("m", lr=1e-2, mu=0.9, trust_coefficient=1e-3, eps=0.0, weight_decay=0.0, nesterov=False, together=True)
def lars(x, g, t, s, h, model):
    decayed = g + h.weight_decay * x
    length = np.sqrt(np.sum(x * x))
    size = np.sqrt(np.sum(decayed * decayed))
    if not h.together:
        size = np.sqrt(np.sum(g * g)) + h.weight_decay * length
    trust = h.trust_coefficient * length / (size + h.eps) if length > 0 and size > 0 else 1.0
    step = h.lr * trust * decayed
    s.m = h.mu * s.m + step
    return x - (step + h.mu * s.m if h.nesterov else s.m)


@rule("m v", **adam_defaults(eps=1e-6), weight_decay=0.0)
def lamb(x, g, t, s, h, model):
    s.m = h.beta1 * s.m + (1 - h.beta1) * g
    s.v = h.beta2 * s.v + (1 - h.beta2) * g * g
    m_hat, v_hat = s.m / (1 - h.beta1**t), s.v / (1 - h.beta2**t)
    u = m_hat / (np.sqrt(v_hat) + h.eps) + h.weight_decay * x
    size, length = np.sqrt(np.sum(x * x)), np.sqrt(np.sum(u * u))
    trust = size / length if size > 0 and length > 0 else 1.0
    return x - h.lr * trust * u


def factors(x):
    if x.ndim < 2:
        return {"full": np.zeros_like(x)}
    return {"row": np.zeros(x.shape[:-1]), "col": np.zeros(x.shape[:-2] + x.shape[-1:])}


@rule(begin=factors, lr=1e-2, decay=0.8, clip=1.0, eps1=1e-30, eps2=1e-3)
def adafactor(x, g, t, s, h, model):
    beta = 1 - t ** (-h.decay)
    g2 = g * g + h.eps1
    if x.ndim < 2:
        s.full = v = beta * s.full + (1 - beta) * g2
    else:
        s.row = beta * s.row + (1 - beta) * np.mean(g2, axis=-1)
        s.col = beta * s.col + (1 - beta) * np.mean(g2, axis=-2)
        v = np.einsum("...i,...j->...ij", s.row, s.col) / np.mean(s.row, axis=-1)[..., None, None]
    u = g / np.sqrt(v)
    u = u / max(1.0, np.sqrt(np.mean(u * u)) / h.clip)
    return x - h.lr * max(h.eps2, np.sqrt(np.mean(x * x))) * u


def newton_schulz(a, steps: int, eps: float):
    """Five times a quintic of the singular values, on the wide orientation."""
    if a.shape[0] > a.shape[1]:
        return newton_schulz(a.T, steps, eps).T
    a = a / max(float(np.linalg.norm(a)), eps)
    for _ in range(steps):
        square = a @ a.T
        a = 3.4445 * a + (-4.7750 * square + 2.0315 * (square @ square)) @ a
    return a


@rule("m", lr=1e-3, momentum=0.95, weight_decay=0.1, steps=5, eps=1e-7)
def muon(x, g, t, s, h, model):
    s.m = h.momentum * s.m + (1 - h.momentum) * g
    nesterov = h.momentum * s.m + (1 - h.momentum) * g
    scale = np.sqrt(max(1.0, x.shape[0] / x.shape[1]))
    return x - h.lr * h.weight_decay * x - h.lr * scale * newton_schulz(nesterov, h.steps, h.eps)


# Schedule-Free and Prodigy: scalars of the whole model.


def averaging_weight(params: Model, grads: Model, state: State) -> None:
    state.model.weight += state.h.lr**2
    state.model.c = state.h.lr**2 / state.model.weight if state.model.weight > 0 else 0.0


def two_sequences(y):
    """x is kept here, as the paper has it; the spec recovers it from y and z."""
    return {"x": y.copy(), "z": y.copy(), "v": np.zeros_like(y)}


@rule(
    begin=two_sequences,
    whole={"weight": 0.0},
    prepare=averaging_weight,
    **adam_defaults(lr=2.5e-3),
    weight_decay=0.0,
)
def schedule_free(y, g, t, s, h, model):
    s.v = h.beta2 * s.v + (1 - h.beta2) * g * g
    direction = g / (np.sqrt(s.v / (1 - h.beta2**t)) + h.eps) + h.weight_decay * y
    s.z = s.z - h.lr * direction
    s.x = (1 - model.c) * s.x + model.c * s.z
    return (1 - h.beta1) * s.z + h.beta1 * s.x


@rule(begin=two_sequences, **adam_defaults(lr=2.5e-3), warmup_steps=0.0, weight_decay=0.0)
def schedule_free_mean(y, g, t, s, h, model):
    decayed = y - h.lr * h.weight_decay * y
    before = (decayed - (1 - h.beta1) * s.z) / h.beta1  # what decays is y, and x with it
    s.v = h.beta2 * s.v + (1 - h.beta2) * g * g
    warm = min(t / h.warmup_steps, 1) if h.warmup_steps > 0 else 1
    s.z = s.z - h.lr * warm * g / (np.sqrt(s.v / (1 - h.beta2**t)) + h.eps)
    s.x = (1 - 1 / t) * before + s.z / t
    return (1 - h.beta1) * s.z + h.beta1 * s.x


def distance(params: Model, grads: Model, state: State) -> None:
    """d, the estimate of how far the solution is, from two sums over the whole model; d0 is written as growth = 1."""
    h, model = state.h, state.model
    beta3 = np.sqrt(h.beta2)
    model.d = h.d0 * model.growth
    model.step = model.d * h.lr * np.sqrt(1 - h.beta2**state.t) / (1 - h.beta1**state.t)
    weight = model.d / h.d0 * model.step
    inner = l1 = 0.0
    for x, g, s in zip(params, grads, state.arrays, strict=True):
        s.s = beta3 * s.s + weight * g
        inner += float(np.sum(g * (s.x0 - x)))
        l1 += float(np.sum(np.abs(s.s)))
    model.r = beta3 * model.r + weight * inner
    model.growth = (max(model.d, model.r / l1) if l1 > 0 else model.d) / h.d0


def prodigy_slots(x):
    return {"x0": x.copy(), "m": np.zeros_like(x), "v": np.zeros_like(x), "s": np.zeros_like(x)}


@rule(
    begin=prodigy_slots,
    whole={"r": 0.0, "growth": 1.0},
    prepare=distance,
    **adam_defaults(lr=1.0),
    d0=1e-6,
    weight_decay=0.0,
)
def prodigy(x, g, t, s, h, model):
    s.m = h.beta1 * s.m + (1 - h.beta1) * model.d * g
    s.v = h.beta2 * s.v + (1 - h.beta2) * (model.d * g) ** 2
    d_next = h.d0 * model.growth
    return x - model.step * h.weight_decay * x - model.step * s.m / (np.sqrt(s.v) + d_next * h.eps)
