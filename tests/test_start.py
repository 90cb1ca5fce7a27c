"""Nothing is imported, and no file of the library read, before it is needed; and nobody notices but by the clock."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError, field, fields, is_dataclass, replace
from typing import Any

import pytest

import adaspec
from adaspec import index, shelf
from adaspec.frozen import frozen

SLOW = ("array_api_compat", "rich", "importlib.metadata", "importlib.resources", "tempfile", "torch", "jax")
SLOW += ("keras", "tensorflow", "adaspec.interpret", "adaspec.run", "adaspec.verification", "adaspec.cli")


def fresh(script: str) -> str:
    """What a new process says that runs `script`."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_adaspec_imports_nothing_else_of_it() -> None:
    found = fresh("import adaspec, sys; print(*sorted(m for m in sys.modules if m.startswith('adaspec')))")
    assert found == "adaspec"
    fresh(f"import adaspec, sys; assert not {{'numpy', *{SLOW}}} & set(sys.modules)")


def test_an_optimizer_is_built_from_its_own_rule_alone() -> None:
    fresh(f"""
import sys
import numpy
before = set(sys.modules)
from adaspec.numpy import Adam
slow = set({SLOW}) & (set(sys.modules) - before)
assert not slow, slow
from adaspec import compose, library
assert (library._library.cache_info().currsize, compose.raw.cache_info().currsize) == (1, 1)
""")


def test_a_dialect_is_found_without_the_other_rules() -> None:
    fresh("""
import adaspec
from adaspec import compose, library
assert adaspec.load("adam:keras").name == "adam_eps_hat"
assert (library._library.cache_info().currsize, compose.raw.cache_info().currsize) == (1, 1)
""")


def test_all_names_are_there_in_any_order() -> None:
    """Three of the functions have modules of their name, which must not take their place."""
    fresh("""
import adaspec
import adaspec.build, adaspec.interpret, adaspec.names, adaspec.parse
for name in adaspec.__all__:
    assert callable(getattr(adaspec, name)), name
    assert name in dir(adaspec)
assert {"numpy", "torch", "jax", "tensorflow", "__version__", "__doc__"} <= set(dir(adaspec))
""")
    fresh("""
from adaspec import *
import adaspec
assert isinstance(load("adam"), adaspec.Spec) and issubclass(SpecError, ValueError) and "adam:keras" in names()
assert callable(interpret("adam").step) and build("adam", "numpy").__name__ == "Adam"
""")
    with pytest.raises(AttributeError, match="module 'adaspec' has no attribute 'nothing'"):
        adaspec.nothing  # noqa: B018


def test_types_are_told_where_the_names_come_from() -> None:
    """The imports for type checkers are those that are made when a name is asked for."""
    import ast
    import inspect

    tree = ast.parse(inspect.getsource(adaspec))
    (block,) = (n for n in tree.body if isinstance(n, ast.If))
    told = {a.name: n.module for n in block.body if isinstance(n, ast.ImportFrom) for a in n.names}
    assert told == adaspec.HOME
    assert sorted(told) == adaspec.__all__


@pytest.mark.parametrize("spec", ["adam", "adam:keras"])
def test_a_pickle_is_read_where_adaspec_was_never_imported(spec: str) -> None:
    opt = adaspec.build(spec, "numpy")(lr=0.5)
    text = f"import pickle; opt = pickle.loads({pickle.dumps(opt)!r}); print(type(opt).__name__, opt.lr)"
    assert fresh(text) == f"{type(opt).__name__} 0.5"
    assert (
        fresh(f"import pickle; print(pickle.loads({pickle.dumps(adaspec.load(spec))!r}).name)")
        == adaspec.load(spec).name
    )


def test_headings_are_what_the_parser_reads() -> None:
    for name in shelf.files():
        spec, found = adaspec.load(name), index.heading(name)
        assert (found.doc, found.class_name, found.dialects) == (spec.rule.doc, spec.class_name, tuple(spec.dialects))
    for dialect, name in index.dialects().items():
        assert index.host(dialect) == name


def test_a_dialect_that_is_spelt_with_an_escape_is_found_too(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = shelf.read("adam_eps_hat")
    odd = plain.replace(b'"adam:keras"', b'"adam\\x3akeras"')
    assert odd != plain
    monkeypatch.setattr(shelf, "read", lambda name: odd if name == "adam_eps_hat" else shelf.files()[name].read_bytes())
    for cached in (index.heading, index.dialects, index.host):
        cached.cache_clear()
    try:
        assert index.host("adam:keras") == "adam_eps_hat"
        assert index.host("adam:kears") is None
    finally:
        for cached in (index.heading, index.dialects, index.host):
            cached.cache_clear()


# Frozen dataclasses


@frozen
class Base:
    """A base."""

    span: int = field(default=0, compare=False, repr=False, kw_only=True)


@frozen
class Pair(Base):
    first: int
    second: str = "b"
    more: dict[str, int] = field(default_factory=dict)


@frozen
class Other(Base):
    first: int
    second: str = "b"
    more: dict[str, int] = field(default_factory=dict)


class Bare(Base):
    """No dataclass of its own, so that it can have attributes beside its fields."""


def test_a_frozen_class_is_a_dataclass() -> None:
    a = Pair(1, more={"x": 1}, span=3)
    assert is_dataclass(a) and [f.name for f in fields(a)] == ["span", "first", "second", "more"]
    assert repr(a) == "Pair(first=1, second='b', more={'x': 1})"
    assert a == Pair(1, "b", {"x": 1}, span=4) and a != Pair(1, "b", {}) and a != Other(1, "b", {"x": 1})
    assert Pair(1).more == {} and Pair(1).more is not Pair(1).more
    assert replace(a, first=2) == Pair(2, "b", {"x": 1}) and replace(a, first=2).span == 3
    assert hash(Base(span=1)) == hash(Base(span=2)) and Base(span=1) == Base()
    again: Any = pickle.loads(pickle.dumps(a))
    assert again == a and again.span == 3
    match a:
        case Pair(first, second):
            assert (first, second) == (1, "b")
        case _:
            raise AssertionError


def test_a_frozen_class_refuses() -> None:
    a: Any = Pair(1)
    for change in (lambda: setattr(a, "first", 2), lambda: setattr(a, "new", 2), lambda: delattr(a, "first")):
        with pytest.raises(FrozenInstanceError):
            change()
    bare: Any = Bare(span=1)
    bare.new = 2
    del bare.new
    with pytest.raises(FrozenInstanceError):
        bare.span = 2
    wrong: Any = Pair
    for call in (lambda: wrong(), lambda: wrong(1, "b", {}, 4), lambda: wrong(1, third=3)):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(TypeError):
        hash(a)  # a dict is among its fields
