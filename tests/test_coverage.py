"""Whatever torch.optim, optax and keras.optimizers have is in the catalogue, or stands here with the reason why not."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from adaspec.index import dialects as hosts_of_dialects
from adaspec.library import equals
from originals import ORIGINALS

LEFT_OUT = {
    "torch.optim.LBFGS": "calls its closure several times a step and searches along lines",
    "optax.lbfgs": "searches along lines",
    "optax.contrib.dpsgd": "private aggregation needs one gradient for each example",
    "optax.contrib.scale_by_madgrad": "a part of optax.contrib.madgrad",
    "keras.optimizers.Optimizer": "the base class",
    "keras.optimizers.LossScaleOptimizer": "scales the loss around another optimizer, no rule of its own",
    "keras.optimizers.MultiOptimizer": "sends each parameter to one of several optimizers, no rule of its own",
    "keras.optimizers.TFOptimizer": "the base class on TensorFlow",
}


def catalogued() -> set[str]:
    """Every class and function that a dialect, or an entry of the proof, equals."""
    named = {found.of for name in hosts_of_dialects() if (found := equals(name))}
    return named | {entry.of for entry in ORIGINALS} | recorded()


def recorded() -> set[str]:
    """Originals that are wrong: the catalogue has the right rule and the record of the defect."""
    from originals import defects

    return {entry.original.of for entry in defects.DEFECTS}


@pytest.mark.needs_torch
def test_torch() -> None:
    import torch

    classes = {n for n, c in vars(torch.optim).items() if inspect.isclass(c) and issubclass(c, torch.optim.Optimizer)}
    assert {f"torch.optim.{n}" for n in classes - {"Optimizer"}} - LEFT_OUT.keys() <= catalogued()


@pytest.mark.needs_jax
def test_optax() -> None:
    import optax

    modules = {"optax": (optax, "optax._src.alias"), "optax.contrib": (optax.contrib, "optax.contrib")}
    found = set()
    for name, (module, home) in modules.items():
        for word, value in vars(module).items():
            if inspect.isfunction(value) and value.__module__.startswith(home) and makes_an_optimizer(value):
                found.add(f"{name}.{word}")
    assert len(found) > 40
    assert found - LEFT_OUT.keys() <= catalogued()


def makes_an_optimizer(function: Any) -> bool:
    """Whether it returns a transformation and takes a rate: the `scale_by_…` under it take none."""
    signature = inspect.signature(function)
    return "GradientTransformation" in str(signature.return_annotation) and "learning_rate" in signature.parameters


@pytest.mark.needs_tensorflow
def test_keras() -> None:
    import keras

    classes = {n for n, c in vars(keras.optimizers).items() if inspect.isclass(c)}
    found = {f"keras.optimizers.{n}" for n in classes if issubclass(getattr(keras.optimizers, n), keras.Optimizer)}
    assert found - LEFT_OUT.keys() <= catalogued()


def test_what_is_left_out_is_nowhere_else() -> None:
    assert not LEFT_OUT.keys() & catalogued()
