"""The keywords and the documentation of the optax factories: optax's names, the spec's own, and nothing else."""

from __future__ import annotations

import doctest
import inspect
import sys

import pytest

import adaspec
from adaspec.build import build
from adaspec.library import rules

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")
jnp = jax.numpy
pytestmark = pytest.mark.needs_jax

OWN = {"lr": "learning_rate", "beta1": "b1", "beta2": "b2", "beta3": "b3"}


def test_the_names_of_the_spec() -> None:
    """Each hyperparameter of each rule under either name; not under both; a slip is told apart from nonsense."""
    for rule in rules():
        spec, make = adaspec.load(rule), build(rule, "jax")
        known = inspect.signature(make).parameters
        assert not any(p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) for p in known.values())
        for (name, value), public in zip(spec.defaults.items(), known, strict=False):
            assert public.rstrip("_") == OWN.get(name, name).rstrip("_")  # a module may need a name for itself
            make(**{name: value})
            if public != name:
                with pytest.raises(TypeError, match=rf"{rule}\(\) got '{public}' and '{name}', which say the same"):
                    make(**{name: value, public: value})
                with pytest.raises(TypeError, match="multiple values"):
                    make(*spec.defaults.values(), **{name: value})
            with pytest.raises(TypeError, match=rf"got an unexpected keyword argument '{name}x': did you mean '"):
                make(**{f"{name}x": value})
        with pytest.raises(TypeError, match=rf"{rule}\(\) got an unexpected keyword argument 'zzzzzz': it takes "):
            make(zzzzzz=1)


def test_a_name_of_the_spec_says_the_same() -> None:
    make = build("adamw", "jax")
    assert make.__name__ == make.__qualname__ == "adamw" and inspect.isfunction(make)
    w = {"w": jnp.arange(3.0)}
    for one, other in (({"lr": 0.5}, {"learning_rate": 0.5}), ({"beta1": 0.5, "b2": 0.6}, {"b1": 0.5, "beta2": 0.6})):
        updates = [make(**given).update(w, make().init(w), w)[0]["w"] for given in (one, other, {})]
        assert jnp.array_equal(updates[0], updates[1])
        assert "lr" not in one or not jnp.array_equal(updates[0], updates[2])
    with pytest.raises(TypeError, match=r"adamw\(\) got an unexpected keyword argument 'bta1': did you mean 'b1'\?"):
        make(bta1=0.9)
    # inject_hyperparams binds to the signature, which is optax's.
    tx = optax.inject_hyperparams(make)(learning_rate=0.1, b1=0.5)
    assert set(tx.init(w).hyperparams) == {"learning_rate", "b1", "b2", "eps", "weight_decay"}


def test_documentation() -> None:
    """Sections in optax's order, a line for every keyword, and the source at the end."""
    for rule in rules():
        spec, make = adaspec.load(rule), build(rule, "jax")
        doc = inspect.getdoc(make) or ""
        sections = ["Args:", "Returns:", "Raises:", "Examples:", *(["References:"] if spec.reference else [])]
        assert [line for line in doc.splitlines() if line in {*sections, "References:"}] == sections
        assert f"`{type(make().init({})).__name__}`" in doc and max(map(len, doc.splitlines())) < 117
        arguments = doc[doc.index("Args:") : doc.index("Returns:")]
        assert all(f"\n    {name}: " in arguments for name in inspect.signature(make).parameters)
        assert doc.startswith(f"{spec.title}.") and (not spec.reference or doc.endswith(spec.reference))
        assert ("`jax.grad` of a real function" in doc) == adaspec.complexes.takes_complex(spec)


@pytest.mark.sampled
@pytest.mark.parametrize("rule", rules())
def test_examples_run(rule: str) -> None:
    make = build(rule, "jax")
    module = sys.modules[make.__module__]
    (test,) = doctest.DocTestFinder(recurse=False).find(make, rule, globs=dict(vars(module)))
    assert len(test.examples) == 6
    runner = doctest.DocTestRunner()
    assert runner.run(test) == (0, 6)
