"""Descent, momentum, RMSprop, Adam and its dialects."""

from __future__ import annotations

from typing import Any

import numpy as np

from .core import Model, State, rule

# Plain descent and momentum.


@rule(lr=1e-2)
def sgd(x, g, t, s, h, model):
    return x - h.lr * g


@rule(lr=1e-4)
def sign_descent(x, g, t, s, h, model):
    return x - h.lr * np.sign(g)


@rule("m", lr=1e-2, mu=0.9)
def momentum(x, g, t, s, h, model):
    s.m = h.mu * s.m + g
    return x - h.lr * s.m


@rule("m", lr=1e-2, mu=0.9, weight_decay=5e-4)
def momentum_l2(x, g, t, s, h, model):
    s.m = h.mu * s.m + (g + h.weight_decay * x)
    return x - h.lr * s.m


@rule("m", lr=1e-2, mu=0.9, weight_decay=5e-4)
def momentum_decoupled(x, g, t, s, h, model):
    s.m = h.mu * s.m + g
    return x - h.lr * s.m - h.lr * h.weight_decay * x


# RMSprop with one rate for the whole model.


def squared_norm_of_the_model(params: Model, grads: Model, state: State) -> None:
    norm2 = sum(float(np.sum(g * g)) for g in grads)
    state.model.G = state.h.decay * state.model.G + (1 - state.h.decay) * norm2


@rule(whole={"G": 0.0}, prepare=squared_norm_of_the_model, lr=1e-3, decay=0.9, eps=1e-8)
def rmsprop_scalar(x, g, t, s, h, model):
    return x - h.lr * g / np.sqrt(model.G + h.eps)


# Adam and its dialects.


def moments(g, s, h):
    s.m = h.beta1 * s.m + (1 - h.beta1) * g
    s.v = h.beta2 * s.v + (1 - h.beta2) * g * g


def corrected(t, s, h):
    return s.m / (1 - h.beta1**t), s.v / (1 - h.beta2**t)


def corrected_rate(t, h):
    return h.lr * np.sqrt(1 - h.beta2**t) / (1 - h.beta1**t)


def adam_defaults(**changes: Any) -> dict[str, Any]:
    return {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8} | changes


@rule("m v", **adam_defaults())
def adam(x, g, t, s, h, model):
    moments(g, s, h)
    m_hat, v_hat = corrected(t, s, h)
    return x - h.lr * m_hat / (np.sqrt(v_hat) + h.eps)


@rule("m v", **adam_defaults())
def adam_eps_inside(x, g, t, s, h, model):
    moments(g, s, h)
    m_hat, v_hat = corrected(t, s, h)
    return x - h.lr * m_hat / np.sqrt(v_hat + h.eps)


@rule("m v v_max", **adam_defaults(), weight_decay=0.0, amsgrad=False)
def adam_eps_hat(x, g, t, s, h, model):
    moments(g, s, h)
    s.v_max = np.maximum(s.v, s.v_max)
    root = np.sqrt(s.v_max if h.amsgrad else s.v)
    return x - h.lr * h.weight_decay * x - corrected_rate(t, h) * s.m / (root + h.eps)


@rule("m v", **adam_defaults())
def adam_ema(x, g, t, s, h, model):
    b2 = h.beta2 * (1 - h.beta2 ** (t - 1)) / (1 - h.beta2**t)
    s.m = h.beta1 * s.m + (1 - h.beta1) * g
    s.v = b2 * s.v + (1 - b2) * g * g
    return x - h.lr * s.m / (1 - h.beta1**t) / (np.sqrt(s.v) + h.eps)


@rule("m v", lr=1e-3, beta1=0.9, c=0.8, eps=1e-8)
def adam_poly(x, g, t, s, h, model):
    b2 = 1 - 1 / t**h.c
    s.m = h.beta1 * s.m + (1 - h.beta1) * g
    s.v = b2 * s.v + (1 - b2) * g * g
    return x - h.lr * s.m / (1 - h.beta1**t) / (np.sqrt(s.v) + h.eps)


@rule(
    "m v", **adam_defaults(lr=1e-2, eps=1e-3), weight_decay=0.0, first_moment=1e-6, second_moment=1e-6,
    bias_correction=True, decoupled=False,
)  # fmt: skip
def yogi(x, g, t, s, h, model):
    if t == 1:
        s.m, s.v = np.full_like(x, h.first_moment), np.full_like(x, h.second_moment)
    coupled = g if h.decoupled else g + h.weight_decay * x
    s.m = h.beta1 * s.m + (1 - h.beta1) * coupled
    s.v = s.v - (1 - h.beta2) * np.sign(s.v - coupled**2) * coupled**2
    m_hat, v_hat = corrected(t, s, h) if h.bias_correction else (s.m, s.v)
    kept = x - h.lr * h.weight_decay * x if h.decoupled else x
    return kept - h.lr * m_hat / (np.sqrt(v_hat) + h.eps)


@rule(
    "m v", **adam_defaults(lr=1e-4, beta1=0.99, beta2=0.95), alpha=0.0, eps_root=0.0, weight_decay=0.0, decoupled=True
)  # fmt: skip
def simplified_ademamix(x, g, t, s, h, model):
    coupled = g if h.decoupled else g + h.weight_decay * x
    s.m = h.beta1 * s.m + coupled
    s.v = h.beta2 * s.v + (1 - h.beta2) * coupled**2
    kept = x - h.lr * h.weight_decay * x if h.decoupled else x
    v_hat = s.v / (1 - h.beta2**t)
    return kept - h.lr * (s.m + h.alpha * coupled) / (np.sqrt(v_hat + h.eps_root) + h.eps)


MXNET: dict[str, Any] = {"rescale_grad": 1.0, "clip_gradient": None}


def preprocessed(g, h):
    g = g * h.rescale_grad
    return g if h.clip_gradient is None else np.clip(g, -h.clip_gradient, h.clip_gradient)


@rule("m v", **adam_defaults(), weight_decay=0.0, **MXNET)
def adam_l2(x, g, t, s, h, model):
    moments(preprocessed(g, h) + h.weight_decay * x, s, h)
    return x - corrected_rate(t, h) * s.m / (np.sqrt(s.v) + h.eps)


@rule("m v", **adam_defaults(eps=1e-6), weight_decay=0.0, **MXNET)
def adamw_mx(x, g, t, s, h, model):
    moments(preprocessed(g, h), s, h)
    return x - corrected_rate(t, h) * (s.m / (np.sqrt(s.v) + h.eps) + h.weight_decay * x)


@rule("m v", **adam_defaults(lr=1e-4, eps=1e-6), weight_decay=0.01, **MXNET)
def adamw_bert(x, g, t, s, h, model):
    moments(preprocessed(g, h), s, h)
    return x - h.lr * (s.m / (np.sqrt(s.v) + h.eps) + h.weight_decay * x)


def scalar_gamma(x):
    return {"m": np.zeros_like(x), "v": np.zeros_like(x), "h": 0.0, "gamma": 1.0}


@rule(begin=scalar_gamma, **adam_defaults(), beta3=0.99)
def adamx(x, g, t, s, h, model):
    norm2 = np.sum(g * g)
    s.m = h.beta1 * s.m + (1 - h.beta1) * g
    s.v = h.beta2 * s.v + (1 - h.beta2) * s.gamma * g * g
    s.h = h.beta3 * s.h + (1 - h.beta3) * norm2
    h_hat = s.h / (1 - h.beta3**t)
    s.gamma = h.beta3 * s.gamma + (1 - h.beta3) * norm2 / (h_hat + h.eps)
    m_hat, v_hat = corrected(t, s, h)
    return x - h.lr * m_hat / (np.sqrt(v_hat) + h.eps)


@rule("m v", **adam_defaults(beta2=0.99), weight_decay=0.01)
def adamnx(x, g, t, s, h, model):
    keep1 = (h.beta1 - h.beta1**t) / (1 - h.beta1**t)
    keep2 = (1 - h.beta2 ** ((1 - h.beta2) * (t - 1))) / (1 - h.beta2 ** ((1 - h.beta2) * t))
    s.m = keep1 * s.m + (1 - keep1) * g
    s.v = keep2 * s.v + (1 - keep2) * g * g
    x = x * (1 - h.lr * h.weight_decay)
    return x - h.lr * s.m / (np.sqrt(s.v) + h.eps)
