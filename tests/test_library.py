"""Every spec of the library, run by the interpreter, is the rule of its source."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec.index import dialects as hosts_of_dialects
from adaspec.verification import supplied
from originals import ORIGINALS
from originals.defects import MENDED
from problem import VARIANTS, distance, problem
from reference import REFERENCES, reference

SPECS = Path(__file__).parents[1] / "specs"
NAMES = sorted(path.stem for path in SPECS.glob("[!_]*.py"))
WRITTEN_TWICE = [name for name in NAMES if name in REFERENCES]
CASES = [(name, hypers) for name in WRITTEN_TWICE for hypers in [{}, *VARIANTS.get(name, [])]]


def test_every_spec_has_a_reference_or_an_installed_original() -> None:
    hosts = {hosts_of_dialects().get(entry.name, entry.name) for entry in (*ORIGINALS, *MENDED)}
    assert set(REFERENCES) <= set(NAMES)
    assert set(NAMES) <= set(REFERENCES) | hosts
    assert set(NAMES) <= set(adaspec.names())


@pytest.mark.parametrize(("name", "hypers"), CASES, ids=lambda v: v if isinstance(v, str) else ",".join(v))
def test_the_interpreter_follows_the_equations(name: str, hypers: dict[str, Any]) -> None:
    opt = adaspec.interpret(name, **hypers)
    params, grads = problem(name, steps=50)
    state, expected = opt.init(params), reference(name).init(params, **hypers)
    mirror = params
    for g in grads:
        params, state = opt.step(params, g, state)
        mirror = reference(name).step(mirror, g, expected)
        assert distance(params, mirror) <= 1e-12
    for slots, theirs in zip(state.slots.values(), expected.arrays, strict=True):
        for slot in slots.keys() & vars(theirs).keys():
            assert distance([slots[slot]], [np.asarray(getattr(theirs, slot))]) <= 1e-12, slot
    for shared, value in state.shared.items():
        assert value == pytest.approx(getattr(expected.model, shared), rel=1e-12)


@pytest.mark.parametrize("name", WRITTEN_TWICE)
def test_defaults_are_the_sources(name: str) -> None:
    assert adaspec.load(name).defaults == reference(name).hypers


@pytest.mark.parametrize("name", NAMES)
def test_a_spec_is_short_and_says_where_it_comes_from(name: str) -> None:
    spec = adaspec.load(name)
    assert spec.name == name
    assert spec.title and spec.reference
    assert len([line for line in (SPECS / f"{name}.py").read_text().splitlines() if line]) <= 40


@pytest.mark.parametrize("name", NAMES)
def test_the_checker_has_nothing_to_say_but_that_raw_adax_overflows(name: str) -> None:
    text = (SPECS / f"{name}.py").read_text()
    if name == "adax_raw":
        with pytest.warns(adaspec.SpecWarning, match="'v' grows without bound: it passes float32 at t = 887,1"):
            spec = adaspec.parse(text)
    else:
        spec = adaspec.parse(text)
    assert spec == adaspec.load(name)


@pytest.mark.parametrize("name", NAMES)
def test_zero_gradients_are_survived(name: str) -> None:
    """A frozen layer has them from the first step on; Adafactor and Prodigy divide by what they add up."""
    params, grads = problem(name, steps=3)
    opt = adaspec.interpret(name)
    state = opt.init(params)
    for i, step in enumerate(grads):
        g = [step[0], *(np.zeros_like(g) for g in step[1:])]
        params, state = opt.step(params, g, state, **supplied(opt.spec, 0, i, g))
    assert all(np.isfinite(x).all() for x in params)


def dialects() -> list[tuple[str, str, dict[str, Any]]]:
    return [(name, label, dict(values)) for name in NAMES for label, values in adaspec.load(name).dialects.items()]


def test_a_dialect_has_one_host() -> None:
    labels = [label for _, label, _ in dialects()]
    assert sorted(labels) == sorted(set(labels))


@pytest.mark.parametrize(("name", "label", "values"), dialects(), ids=lambda v: v if isinstance(v, str) else "")
def test_a_dialect_is_the_rule_with_its_values(name: str, label: str, values: dict[str, Any]) -> None:
    assert adaspec.load(label).defaults == adaspec.load(name).defaults | values


CONSTRUCTORS = {
    "adam:keras": ("keras.optimizers", "Adam", {"lr": "learning_rate", "eps": "epsilon"}),
    "rmsprop:keras": ("keras.optimizers", "RMSprop", {"lr": "learning_rate", "decay": "rho", "eps": "epsilon"}),
}


@pytest.mark.parametrize(
    "label",
    [
        pytest.param("adam:keras", marks=pytest.mark.needs_tensorflow),
        pytest.param("rmsprop:keras", marks=pytest.mark.needs_tensorflow),
    ],
)
def test_a_dialect_has_the_installed_defaults(label: str) -> None:
    """That the rule itself is the installed one is a test of `originals`."""
    module, function, renamed = CONSTRUCTORS[label]
    defaults = inspect.signature(getattr(importlib.import_module(module), function)).parameters
    (values,) = (values for _, found, values in dialects() if found == label)
    for hyper, value in values.items():
        name = renamed.get(hyper, hyper.replace("beta", "beta_") if "keras" in label else hyper)
        assert defaults[name].default == value


def test_a_spec_is_never_run() -> None:
    """The star import of the vocabulary is the only import; nothing in a spec would work if it were executed."""
    for name in NAMES:
        tree = ast.parse((SPECS / f"{name}.py").read_text())
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        assert [ast.unparse(node) for node in imports] == ["from adaspec.lang import *"]
