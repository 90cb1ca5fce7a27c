"""What the interpreter takes and refuses: trees that do not fit, arrays that are no parameters, hyperparameters."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

import adaspec

X = np.ones(3)


@pytest.mark.parametrize(
    ("params", "grads", "message"),
    [
        ([X, X], [X], "params and grads differ: '1' is in params alone"),
        ({"a": X}, {"a": X, "b": X}, "params and grads differ: 'b' is in grads alone"),
        ({"a": X}, [X], "params and grads differ"),
        ([X], [np.ones(4)], r"parameter '0' has shape \(3,\), its gradient \(4,\)"),
        ([X], [np.ones(())], "its gradient"),
        ([X], [np.ones((1, 3))], "its gradient"),
    ],
)
def test_trees_that_do_not_fit(params: Any, grads: Any, message: str) -> None:
    opt = adaspec.interpret("adam")
    with pytest.raises(ValueError, match=message):
        opt.step(params, grads, opt.init(params))


def test_a_state_that_does_not_fit() -> None:
    opt = adaspec.interpret("schedule_free")
    state = opt.init([X, X])
    for act in (lambda: opt.step([X], [X], state), lambda: opt.view("eval", [X], state)):
        with pytest.raises(ValueError, match="params and the state differ: '1' is in the state alone"):
            act()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ([np.ones(3, np.int64)], "'0' is int64"),
        ([np.ones(3, bool)], "'0' is bool"),
        ({"w": np.ones(3, object)}, "'w' is object"),
        ([None], "'0' is None"),
    ],
)
def test_parameters_that_are_no_floating_arrays(params: Any, message: str) -> None:
    with pytest.raises(TypeError, match=f"parameter {message}"):
        adaspec.interpret("adam").init(params)
    with pytest.raises(TypeError):
        adaspec.interpret("adam").init([1.0])


def test_paths_that_collide() -> None:
    with pytest.raises(ValueError, match="two leaves have the path 'a/b'"):
        adaspec.interpret("adam").init({"a/b": X, "a": {"b": X}})


def test_a_parameter_that_a_rule_asserts_against() -> None:
    with pytest.raises(ValueError, match=r"muon updates matrices.*\(parameter 'b' has shape \(3,\)\)"):
        adaspec.interpret("muon").init({"w": np.ones((2, 2)), "b": X})


HYPERS: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    ("adam", {"lr": -1.0}, ValueError, r"Invalid lr: -1.0, must be in \[0, inf\)"),
    ("adam", {"lr": float("nan")}, ValueError, r"Invalid lr: nan, must be in \[0, inf\)"),
    ("adam", {"lr": float("inf")}, ValueError, r"Invalid lr: inf, must be in \[0, inf\)"),
    ("adam", {"beta1": 1.0}, ValueError, r"Invalid beta1: 1.0, must be in \[0, 1\)"),
    ("adam", {"eps": 0.0}, ValueError, r"Invalid eps: 0.0, must be in \(0, inf\)"),
    ("adam", {"lr": "0.1"}, TypeError, "Invalid lr: '0.1' is not a number"),
    ("adam", {"lr": b"0.1"}, TypeError, "is not a number"),
    ("adam", {"lr": None}, TypeError, "Invalid lr: None is not a number"),
    ("adam", {"lr": True}, TypeError, "Invalid lr: True is not a number"),
    ("adam", {"lr": [0.1]}, TypeError, r"Invalid lr: \[0.1\] is not a number"),
    ("adam", {"lr": np.ones(1)}, TypeError, "is not a number"),
    ("adam", {"lr": 1j}, TypeError, "is not a number"),
    ("adam", {"learning_rate": 0.1}, TypeError, "adam has no hyperparameter 'learning_rate': known here: beta1"),
    ("adam", {"beta": 0.1}, TypeError, "adam has no hyperparameter 'beta': did you mean 'beta"),
    ("muon", {"steps": 2.5}, ValueError, "Invalid steps: 2.5, must be in an integer >= 0"),
    ("muon", {"steps": -1}, ValueError, "Invalid steps: -1"),
    ("muon", {"steps": float("inf")}, ValueError, "Invalid steps: inf"),
    ("muon", {"steps": float("nan")}, ValueError, "Invalid steps: nan"),
    ("muon", {"steps": "5"}, TypeError, "Invalid steps"),
    ("adam_l2", {"clip_gradient": 0.0}, ValueError, r"Invalid clip_gradient: 0.0, must be in \(0, inf\)"),
]


@pytest.mark.parametrize(("name", "hypers", "error", "message"), HYPERS)
def test_hyperparameters_outside_their_domains(
    name: str, hypers: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        adaspec.interpret(name, **hypers)
    opt = adaspec.interpret(name)
    x = np.ones((2, 2))
    with pytest.raises(error, match=message):
        opt.step(x, x, opt.init(x), **hypers)


def test_numbers_of_every_kind_are_taken() -> None:
    kinds: list[Any] = [1, np.float32(1), np.int64(1), np.array(1.0), np.array(1)]
    for value in kinds:
        opt = adaspec.interpret("sgd", lr=value)
        assert opt.hypers == {"lr": 1.0} and type(opt.hypers["lr"]) is float
    assert adaspec.interpret("muon", steps=np.int64(3)).hypers["steps"] == 3
    assert adaspec.interpret("adam_l2", clip_gradient=None).hypers["clip_gradient"] is None


def test_a_hyperparameter_may_change_from_step_to_step_unless_it_is_static() -> None:
    opt = adaspec.interpret("sgd", lr=0.5)
    state = opt.init(X)
    x, state = opt.step(X, X, state, lr=1.0)
    assert np.array_equal(x, np.zeros(3))
    x, state = opt.step(x, X, state)
    assert np.array_equal(x, np.full(3, -0.5)) and opt.hypers == {"lr": 0.5}
    matrix = np.ones((2, 2))
    muon, clipped = adaspec.interpret("muon"), adaspec.interpret("adam_l2", clip_gradient=1.0)
    muon.step(matrix, matrix, muon.init(matrix), steps=5)
    clipped.step(X, X, clipped.init(X), clip_gradient=0.5)
    with pytest.raises(ValueError, match="Invalid steps: 4 at this step, it was 5: it is static"):
        muon.step(matrix, matrix, muon.init(matrix), steps=4)
    with pytest.raises(ValueError, match=r"Invalid clip_gradient: None at this step, it was 1\.0"):
        clipped.step(X, X, clipped.init(X), clip_gradient=None)


@pytest.mark.needs_torch
def test_a_torch_scalar_is_a_number() -> None:
    torch: Any = importlib.import_module("torch")
    assert adaspec.interpret("sgd", lr=torch.tensor(0.25, requires_grad=True).detach()).hypers == {"lr": 0.25}
    with pytest.raises(TypeError, match="is not a number"):
        adaspec.interpret("sgd", lr=torch.ones(1))
