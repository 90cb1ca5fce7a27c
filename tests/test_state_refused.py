"""State that does not fit, or a file that is not whole: refused with a reason, and nothing is changed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adaspec import statefile
from adaspec.portable import LARGEST, Array, PortableState
from journeys import (
    EVERY,
    Change,
    refused,
    rule,
    standing,
    steps_of,
    written,
)

ROOT = Path(__file__).parents[1]


def parameter(path: str, **changes: Any) -> Change:
    def change(state: PortableState) -> PortableState:
        return replace(state, parameters={**state.parameters, path: replace(state.parameters[path], **changes)})

    return change


def slots(path: str, change: Callable[[dict[str, Array]], dict[str, Array]]) -> Change:
    def changed(state: PortableState) -> PortableState:
        return parameter(path, slots=change(dict(state.parameters[path].slots or {})))(state)

    return changed


def without(path: str) -> Change:
    return lambda s: replace(s, parameters={p: v for p, v in s.parameters.items() if p != path})


def also(path: str) -> Change:
    return lambda s: replace(s, parameters={**s.parameters, path: s.parameters["s"]})


SIX = Array("float64", (6,), b"\0" * 48)
BAD: dict[str, tuple[Change, str]] = {
    "a parameter less": (without("net/b"), r"missing parameters: 'net/b'"),
    "a parameter more": (also("net/c"), r"unexpected parameters: 'net/c'"),
    "a slot less": (slots("net/b", lambda s: {"m": s["m"]}), r"missing slots: 'net/b\.v'"),
    "a slot more": (slots("net/b", lambda s: s | {"u": s["m"]}), r"unexpected slots: 'net/b\.u'"),
    "no slots": (parameter("net/b", slots=None), r"parameter 'net/b' has no slots after 3 updates"),
    "another shape": (parameter("net/b", shape=(6,)), r"parameter 'net/b' had shape \(6,\) and has \(5,\)"),
    "a slot of another shape": (slots("net/b", lambda s: s | {"m": SIX}), r"'net/b\.m' is float64 of shape \(6,\)"),
    "a slot of another dtype": (
        slots("s", lambda s: s | {"m": Array("float32", (), b"\0" * 4)}),
        r"'s\.m' is float32 of shape \(\) and must be float64",
    ),
    "a negative count": (parameter("s", step=-1), r"parameter 's' counts -1 updates"),
    "a broken count": (parameter("s", step=2.5), r"parameter 's' counts 2.5 updates"),
    "no number": (parameter("s", step=float("nan")), r"parameter 's' counts nan updates"),
    "an endless count": (lambda s: replace(s, step=float("inf")), r"the model counts inf updates"),
    "a truth value": (lambda s: replace(s, step=True), r"the model counts True updates"),
    "too large a count": (lambda s: replace(s, step=LARGEST + 1), r"the model counts \d+ updates"),
    "something shared": (lambda s: replace(s, shared={"d": 1.0}), r"unexpected Shareds: 'd'"),
}  # fmt: skip


@pytest.mark.parametrize("target", EVERY)
@pytest.mark.parametrize("case", BAD)
def test_what_does_not_fit_is_refused_and_changes_nothing(case: str, target: str, tmp_path: Path) -> None:
    change, message = BAD[case]
    file = tmp_path / "bad.safetensors"
    written(file, "adam", change)
    assert str(file) in refused(standing("adam", target), file, message)


@pytest.mark.parametrize("target", EVERY)
def test_all_that_is_wrong_is_listed(target: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.safetensors"
    written(file, "adam", lambda s: also("b")(without("net/b")(slots("s", lambda found: {"v": SIX})(s))))
    text = refused(standing("adam", target), file, "does not fit")
    for part in (
        "missing parameters: 'net/b'",
        "unexpected parameters: 'b'",
        "missing slots: 's.m'",
        "'s.v' is",
        "names=",
    ):
        assert part in text


@pytest.mark.parametrize("target", EVERY)
def test_a_shared_that_is_missing(target: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.safetensors"
    written(file, "prodigy", lambda s: replace(s, shared={"r": 1.0}))
    refused(standing("prodigy", target), file, "missing Shareds: 'growth'")


@pytest.mark.parametrize("target", EVERY)
def test_another_rule_is_refused(target: str, tmp_path: Path) -> None:
    file = tmp_path / "state.safetensors"
    steps_of("adamw", "numpy").save(file)
    text = refused(standing("adam", target), file, "holds the state of adamw")
    assert rule("adamw").hash[:12] in text and f"adam ({rule('adam').hash[:12]})" in text


@pytest.mark.parametrize("target", EVERY)
def test_another_precision_is_refused(target: str, tmp_path: Path) -> None:
    file = tmp_path / "state.safetensors"
    steps_of("adam", target, "float32").save(file)
    refused(standing("adam", target), file, r"'net/b\.m' is float32 of shape \(5,\) and must be float64")


@pytest.mark.parametrize("target", EVERY)
def test_half_a_file_is_refused(target: str, tmp_path: Path) -> None:
    whole, file = tmp_path / "whole.safetensors", tmp_path / "half.safetensors"
    steps_of("adam", "numpy").save(whole)
    data = whole.read_bytes()
    there = steps_of("adam", target)
    file.write_bytes(data[: len(data) // 2])
    refused(there, file, "no whole safetensors file")


def test_no_cut_and_no_flipped_bit_passes(tmp_path: Path) -> None:
    file = tmp_path / "state.safetensors"
    steps_of("prodigy", "numpy").save(file)
    data = file.read_bytes()
    for end in [*range(0, 12), *range(12, len(data), 37)]:
        with pytest.raises(ValueError, match="no whole safetensors file"):
            statefile.decoded(data[:end], "here")
    with pytest.raises(ValueError, match="no whole"):
        statefile.decoded(data + b"\0", "here")
    for place in range(8 * len(data)):
        if place % 7 == 0:
            bad = bytearray(data)
            bad[place // 8] ^= 1 << place % 8
            with pytest.raises(ValueError, match="here"):
                statefile.decoded(bytes(bad), "here")


def test_other_files_are_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    file = tmp_path / "other.safetensors"
    there = steps_of("adam", "numpy")
    save_file({"m": np.ones(3)}, file)
    refused(there, file, "not of an optimizer's state")
    for entry in ("", "[]", "{}", '{"format": true}', 100_000 * "["):
        save_file({"m": np.ones(3)}, file, metadata={"adaspec": entry})
        with pytest.raises(ValueError, match="damaged"):
            there.load(file)
    save_file({"m": np.ones(3)}, file, metadata={"adaspec": '{"format": 99}'})
    with pytest.raises(ValueError, match="format 99, this version of adaspec reads format 1"):
        there.load(file)
    save_file({"m": np.ones(3, "int64")}, file, metadata={"adaspec": '{"format": 1}'})
    with pytest.raises(ValueError, match="'m' is I64"):
        there.load(file)
    with pytest.raises(FileNotFoundError):
        there.load(tmp_path / "none")


def forged(file: Path, change: Callable[[dict[str, Any]], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with another head under a digest that is right."""
    right = statefile._digest

    def digest(head: Any, tensors: Any) -> str:
        change(head)
        return right(head, tensors)

    here = steps_of("prodigy", "numpy")
    with monkeypatch.context() as patch:
        patch.setattr(statefile, "_digest", digest)
        here.save(file)


FORGED: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "no target": (lambda h: h.pop("target"), "damaged"),
    "no parameters": (lambda h: h.update(parameters=[]), "damaged"),
    "a parameter fewer": (lambda h: h["parameters"].pop("s"), r"slots of no parameter: 's\."),
    "a parameter that is none": (lambda h: h["parameters"].update(s=3), "parameter 's' is damaged"),
    "an unknown dtype": (lambda h: h["parameters"]["s"].update(dtype="int8"), "parameter 's' is damaged"),
    "a shape that is none": (lambda h: h["parameters"]["s"].update(shape=[-1]), r"parameter 's' has the shape \[-1\]"),
    "slots out of nowhere": (lambda h: h["parameters"]["s"].update(begun=False), "parameter 's' has slots"),
}  # fmt: skip


@pytest.mark.parametrize("case", FORGED)
def test_a_forged_head_is_refused(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change, message = FORGED[case]
    forged(tmp_path / "forged", change, monkeypatch)
    refused(standing("prodigy", "numpy"), tmp_path / "forged", message)


def test_what_is_shared_is_one_float64(tmp_path: Path) -> None:
    file = tmp_path / "bad.safetensors"
    steps_of("prodigy", "numpy").save(file)
    state = statefile.decoded(file.read_bytes(), "").state
    head = {"spec": "prodigy", "hash": "", "text": "", "target": "", "step": 3, "parameters": {}}
    with pytest.raises(ValueError, match="'r', of the whole model, is float32"):
        statefile._saved(head, {"r": Array("float32", (), b"\0" * 4)}, "here")
    assert set(state.shared) == {"r", "growth"}


# Writing


def test_a_fault_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "state.safetensors"
    file.write_bytes(b"old")
    here = steps_of("adam", "numpy")
    for moment in ("fdopen", "fsync", "replace"):
        with monkeypatch.context() as patch:

            def fail(*_: object, **__: object) -> None:
                raise OSError(28, "No space left on device")

            patch.setattr(os, moment, fail)
            with pytest.raises(OSError, match="No space left"):
                here.save(file)
        assert file.read_bytes() == b"old" and list(tmp_path.iterdir()) == [file]


ALONE = """
import sys, numpy as np, adaspec
opt = adaspec.numpy.Prodigy()
params = {"b": np.ones(3), "a": {"c": np.ones((2, 2)), "d": np.ones(1)}}
state = opt.init(params)
opt.step(params, {"b": np.ones(3), "a": {"c": np.ones((2, 2)), "d": np.ones(1)}}, state)
adaspec.save_state(state, sys.argv[1], params=params, spec=opt)
again = adaspec.load_state(sys.argv[1], opt.init(params), params=params, spec="prodigy")
assert again["step"] == 1 and np.array_equal(again["slots"]["a/c"]["m"], state["slots"]["a/c"]["m"])
assert not {"torch", "jax", "optax", "tensorflow", "keras"} & set(sys.modules)
"""


def test_no_framework_is_imported_and_equal_states_are_equal_files(tmp_path: Path) -> None:
    for seed in "12":
        env = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-c", ALONE, str(tmp_path / seed)], check=True, env=env, timeout=60)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_without_safetensors_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = steps_of("adam", "numpy")
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ImportError, match=r"pip install 'adaspec\[state\]'"):
        here.save(tmp_path / "file")
