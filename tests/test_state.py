"""State that travels: what one target saves another resumes, bit for bit; what does not fit changes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec import statefile
from adaspec.portable import LARGEST, Array, PortableState
from problem import of_gradients_alone, problem
from travellers import SHAPES, TRAVELLERS, Arrays, Jax, Keras, NumPy, Torch, Traveller

ROOT = Path(__file__).parents[1]

ODD = '''
"""Odd: names that targets use for their own things. arXiv:0"""
def odd(x: Param, g: Grad, t: Step, step: Slot = zeros, count: Slot = zeros, iterations: Slot = zeros,
        state: Shared = 0.0, shared: Shared = 1.0, *, lr: Rate = 1e-2):
    step = 0.9 * step + g / t
    count = count + g**2
    iterations = 0.5 * iterations + step
    state = state + lr * t
    shared = shared + total(sum(g**2))
    x = x - lr * iterations / (sqrt(count) + state + 1 / shared)
    return x, step, count, iterations, state, shared
'''
NARROW = '''
"""Narrow: a slot of bfloat16. arXiv:0"""
def narrow(x: Param, g: Grad, m: Slot[bfloat16] = zeros, v: Slot = first_grad, *, lr: Rate = 1e-2):
    m = 0.9 * m + 0.1 * g
    v = 0.9 * v + 0.1 * g
    x = x - lr * (m + v)
    return x, m, v
'''
OWN = {"odd": ODD, "narrow": NARROW}
RULES = ["adam", "adamw", "momentum", "rmsprop", "adafactor", "lion", "adax", "prodigy", "schedule_free", "sm3", "odd"]
"""Among them: sums over the model, Shareds, views, slots that some parameters lack and slots of one axis."""

FRAMES = {"torch": pytest.mark.needs_torch, "jax": pytest.mark.needs_jax, "tensorflow": pytest.mark.needs_tensorflow}
TARGETS = ["numpy", "torch", "jax", "tensorflow"]


def marked(targets: tuple[str, ...] | str) -> Any:
    names = (targets,) if isinstance(targets, str) else targets
    return pytest.param(*names, marks=[FRAMES[t] for t in names if t in FRAMES])


PAIRS = [marked(pair) for pair in permutations(TARGETS, 2)]
EVERY = [marked(t) for t in TRAVELLERS]


def rule(name: str) -> adaspec.Spec:
    return adaspec.parse(OWN[name]) if name in OWN else adaspec.load(name)


def values(steps: int, seed: int = 0) -> tuple[Arrays, list[Arrays]]:
    """Parameters, and gradients about a lasting direction."""
    rng = np.random.default_rng(seed)
    params = {path: rng.normal(size=shape) for path, shape in SHAPES.items()}
    means = {path: rng.normal(size=shape) for path, shape in SHAPES.items()}
    grads = [{p: np.asarray(mean + rng.normal(size=mean.shape)) for p, mean in means.items()} for _ in range(steps)]
    return params, grads


def run(traveller: Traveller, grads: list[Arrays]) -> None:
    for g in grads:
        traveller.step(g)


def distance(found: Traveller, wanted: Traveller) -> float:
    rows = zip(found.params().items(), wanted.params().values(), strict=True)
    return max(
        float(np.max(np.abs(a - b), initial=0) / np.max(np.abs(b), initial=1e-300))
        for (_, a), b in rows
    )  # fmt: skip


def moved(old: Traveller, target: str, file: Path, **options: Any) -> Traveller:
    """The same run on another target: its parameters as they are, its state by the file."""
    old.save(file)
    new = TRAVELLERS[target](old.spec, old.params(), old.dtype, **old.hypers)
    new.load(file, **options)
    return new


# It travels

ROAD = ["numpy", "torch", "jax", "tensorflow", "numpy", "jax", "torch", "tensorflow", "jax", "numpy", "tensorflow",
        "torch", "numpy", "interpreter", "torch"]  # fmt: skip


def test_the_road_leads_from_every_target_to_every_other() -> None:
    assert {*pairwise(ROAD)} >= {*permutations(TARGETS, 2)}


@pytest.mark.needs_torch
@pytest.mark.needs_jax
@pytest.mark.needs_tensorflow
@pytest.mark.parametrize("name", RULES)
def test_a_run_through_every_target(name: str, tmp_path: Path) -> None:
    """60 steps, with a change of target after every fourth, are the float64 interpreter's."""
    params, grads = values(4 * len(ROAD))
    oracle = TRAVELLERS["interpreter"](rule(name), params)
    here = TRAVELLERS[ROAD[0]](rule(name), params)
    for stage, target in enumerate(ROAD):
        if stage:
            before = here.held()
            here = moved(here, target, tmp_path / "state.safetensors")
            assert here.held() == before
        for traveller in (here, oracle):
            run(traveller, grads[4 * stage : 4 * stage + 4])
        assert distance(here, oracle) <= 1e-12


def resumed(name: str, source: str, target: str, steps: int, file: Path) -> float:
    params, grads = values(steps)
    oracle, here = (TRAVELLERS[t](rule(name), params) for t in ("interpreter", source))
    run(oracle, grads)
    run(here, grads[: steps // 2])
    there = moved(here, target, file)
    run(there, grads[steps // 2 :])
    return distance(there, oracle)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_saved_in_the_middle_and_resumed_elsewhere(source: str, target: str, tmp_path: Path) -> None:
    assert resumed("adam", source, target, 60, tmp_path / "state.safetensors") <= 1e-12


@pytest.mark.prove
@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_long_run_of_every_rule_resumed_elsewhere(source: str, target: str, name: str, tmp_path: Path) -> None:
    assert resumed(name, source, target, 200, tmp_path / "state.safetensors") <= 1e-12


@pytest.mark.parametrize("target", EVERY)
def test_a_rank_of_ones_own(target: str, tmp_path: Path) -> None:
    """The shape of a slot that a hyperparameter decides: kept from there to there, and refused elsewhere."""
    params, grads = values(2)
    here = NumPy(rule("galore"), params, rank=2)
    run(here, grads)
    there = moved(here, target, tmp_path / "file")
    assert there.held() == here.held() and there.slot("net/w", "p").shape == (4, 2)
    other = TRAVELLERS[target](rule("galore"), params, rank=1)
    refused(other, tmp_path / "file", r"'net/w\.p' is float64 of shape \(4, 2\) and must be float64 of shape \(4, 1\)")


@pytest.mark.sampled
@pytest.mark.parametrize("name", of_gradients_alone())
@pytest.mark.parametrize("target", [marked(t) for t in TRAVELLERS if t != "numpy"])
def test_every_rule_travels_there_and_back(target: str, name: str, tmp_path: Path) -> None:
    """What another target writes of a state that NumPy wrote is the same to the last bit."""
    model, grads = problem(name, 3)
    here = NumPy(rule(name), dict(zip("abcd", model, strict=False)))
    run(here, [dict(zip("abcd", g, strict=False)) for g in grads])
    there = moved(here, target, tmp_path / "file")
    there.save(tmp_path / "again")
    old, new = (statefile.decoded((tmp_path / n).read_bytes(), "") for n in ("file", "again"))
    assert new.state == old.state and (new.target, old.target) == (target, "numpy")


Change = Callable[[PortableState], PortableState]
CODES = {"F64": "float64", "F32": "float32", "BF16": "bfloat16"}


@pytest.mark.needs_torch
@pytest.mark.needs_jax
@pytest.mark.needs_tensorflow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", ["adafactor", "schedule_free", "narrow"])
def test_narrow_state_is_carried_bit_for_bit(name: str, dtype: str, tmp_path: Path) -> None:
    """From every target to every other: what the file holds, and what the other then holds, is what the source held."""
    import safetensors

    params, grads = values(3)
    file = tmp_path / "state.safetensors"
    able = [t for t in TRAVELLERS if (t, dtype) != ("interpreter", "bfloat16")]  # NumPy itself has no bfloat16
    for source in able:
        here = TRAVELLERS[source](rule(name), params, dtype)
        run(here, grads)
        held = here.held()
        here.save(file)
        rows = dict(safetensors.deserialize(file.read_bytes()))
        arrays = {n: v for n, v in held.items() if isinstance(v, tuple)}
        slots = {n: (CODES[r["dtype"]], tuple(r["shape"]), bytes(r["data"])) for n, r in rows.items() if "." in n}
        assert slots == arrays
        kinds = {slot[0] for slot in slots.values()}
        assert kinds == ({"bfloat16", "float32"} if name == "narrow" else {"float32"})
        # JAX without x64 keeps in float32 what the others keep of the model in float64.
        single = {n: float(np.float32(v)) for n, v in held.items() if isinstance(v, float)}
        for target in able:
            there = moved(here, target, file)
            assert there.held() == (held | single if target == "jax" else held), (source, target)


# What does not fit


def steps_of(name: str, target: str, dtype: str = "float64") -> Traveller:
    params, grads = values(3, seed=1)
    found = TRAVELLERS[target](rule(name), params, dtype)
    run(found, grads)
    return found


@cache
def standing(name: str, target: str) -> Traveller:
    """One that has run, for loads that change nothing."""
    return steps_of(name, target)


def refused(there: Traveller, file: Path, message: str, **options: Any) -> str:
    """The error of a load that changes nothing."""

    def everything() -> Any:
        return there.held(), there.counts(), {p: a.tobytes() for p, a in there.params().items()}

    before = everything()
    with pytest.raises(ValueError, match=message) as error:
        there.load(file, **options)
    assert everything() == before
    return str(error.value)


def written(file: Path, name: str, change: Change) -> None:
    """A whole file with a whole digest, of a state that never was."""
    standing(name, "numpy").save(file)
    state = statefile.decoded(file.read_bytes(), "").state
    file.write_bytes(statefile.encoded(rule(name), "numpy", change(state)))


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


# Paths


def test_any_path_is_unambiguous(tmp_path: Path) -> None:
    params = {
        "a": np.ones(1),
        "a.m": np.ones(2),
        "a.m.m": np.ones(3),
        ".": np.ones(4),
        "β {}%s\n": np.ones(5),
        "r": np.ones(6),
    }
    opt = adaspec.numpy.Prodigy()
    state = opt.init(params)
    opt.step(params, {k: np.full(v.shape, 0.5) for k, v in params.items()}, state)
    adaspec.save_state(state, tmp_path / "file", params=params, spec=opt)
    again = adaspec.load_state(tmp_path / "file", opt.init(params), params=params, spec=opt)
    assert again["shared"] == state["shared"] and again["step"] == 1
    for path, kept in state["slots"].items():
        assert all(np.array_equal(again["slots"][path][n], v) for n, v in kept.items())


def test_one_array_has_the_empty_path(tmp_path: Path) -> None:
    opt = adaspec.interpret("prodigy")
    x, state = opt.step(np.ones(3), np.ones(3), opt.init(np.ones(3)))
    adaspec.save_state(state, tmp_path / "file", params=x, spec=opt)
    again = adaspec.load_state(tmp_path / "file", opt.init(x), params=x, spec=opt)
    assert (
        again.step == 1 and again.shared == state.shared and np.array_equal(again.slots[""]["m"], state.slots[""]["m"])
    )


@pytest.mark.needs_torch
def test_names_of_torch_parameters(tmp_path: Path) -> None:
    import torch

    file = tmp_path / "file"
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 1, bias=False))
    make = adaspec.torch.Adam
    opt = make(net.parameters())
    net(torch.ones(1, 3)).sum().backward()
    opt.step()

    def paths(**given: Any) -> list[str]:
        adaspec.save_state(opt, file, **given)
        return list(statefile.decoded(file.read_bytes(), "").state.parameters)

    named = ["0.bias", "0.weight", "1.weight"]
    assert paths() == ["0", "1", "2"]
    assert (
        paths(params=net) == paths(params=net.named_parameters()) == paths(params=dict(net.named_parameters())) == named
    )
    again = make(net.named_parameters())
    adaspec.load_state(file, again)
    assert all(torch.equal(again.state[p]["m"], opt.state[p]["m"]) for p in net.parameters())
    with pytest.raises(ValueError, match=r"at the positions \[2\]"):
        paths(params=net[0])
    with pytest.raises(TypeError, match="pairs or a dict"):
        paths(params=list(net.parameters()))
    with pytest.raises(ValueError, match=r"two parameters have the name 'w'"):
        paths(params=[("w", p) for p in net.parameters()])


def test_other_names(tmp_path: Path) -> None:
    file = tmp_path / "file"
    here = steps_of("adam", "numpy")
    here.save(file)
    opt = adaspec.numpy.Adam()
    params = {"w": np.ones((4, 3)), "b": np.ones(5), "s": np.ones(()), "none": np.ones((0, 3))}
    table = {"net/w": "w", "net/b": "b"}
    for names in (table, lambda path: path.removeprefix("net/")):
        state = adaspec.load_state(file, opt.init(params), params=params, spec=opt, names=names)
        assert np.array_equal(state["slots"]["w"]["m"], here.slot("net/w", "m"))
    with pytest.raises(ValueError, match=r"names= speaks of \['net/c'\]"):
        adaspec.load_state(file, opt.init(params), params=params, spec=opt, names=table | {"net/c": "c"})
    with pytest.raises(ValueError, match=r"two parameters of .* the path 'b'"):
        adaspec.load_state(file, opt.init(params), params=params, spec=opt, names={"net/w": "b", "net/b": "b"})


@pytest.mark.needs_torch
@pytest.mark.needs_tensorflow
def test_transposed_weights(tmp_path: Path) -> None:
    """A torch layer keeps (out, in), a Keras layer (in, out)."""
    params, grads = values(20)
    turned = [{p: g.T for p, g in step.items()} for step in grads]
    oracle = Keras(rule("adax"), {p: x.T for p, x in params.items()})
    run(oracle, turned)
    here = Torch(rule("adax"), params)
    run(here, grads[:10])
    here.save(tmp_path / "file")
    there = Keras(rule("adax"), {p: x.T for p, x in here.params().items()})
    there.load(tmp_path / "file", transpose={"net/w": (1, 0), "none": (-1 + 2, 0)})
    assert np.array_equal(there.slot("net/w", "m"), here.slot("net/w", "m").T)
    run(there, turned[10:])
    assert distance(there, oracle) <= 1e-12


def test_what_cannot_be_transposed(tmp_path: Path) -> None:
    file = tmp_path / "file"
    steps_of("adafactor", "numpy").save(file)
    there = steps_of("adafactor", "numpy")
    refused(there, file, r"'net/w\.\w+', of shape \(\d,\), is not of its parameter's", transpose={"net/w": (1, 0)})
    params = {"w": np.ones((3, 3))}
    opt = adaspec.interpret("shampoo")
    adaspec.save_state(opt.init(params), tmp_path / "square", params=params, spec=opt)
    with pytest.raises(ValueError, match=r"'w\.root_0', of shape \(3, 3\), is not of its"):
        given: dict[str, Any] = {"params": params, "spec": opt, "transpose": {"w": (1, 0)}}
        adaspec.load_state(tmp_path / "square", opt.init(params), **given)
    for axes in [(0,), (0, 0), (0, 2), (1, 0, 2)]:
        with pytest.raises(ValueError, match="orders the axes of 'net/w'"):
            there.load(file, transpose={"net/w": axes})
    with pytest.raises(ValueError, match="transpose= speaks of 'w'"):
        there.load(file, transpose={"w": (1, 0)})


# Counts of their own


@pytest.mark.needs_torch
def test_each_parameter_keeps_its_count(tmp_path: Path) -> None:
    """A parameter that had fewer gradients goes on counting where it was, in torch, NumPy and the interpreter."""
    params, grads = values(12)
    for i, g in enumerate(grads):
        g |= {"net/b": None} if i % 3 else {}
        g |= {"s": None} if i < 6 else {}
    oracle = TRAVELLERS["interpreter"](rule("adam"), params)
    here: Traveller = NumPy(rule("adam"), params)
    for stage, target in enumerate(["torch", "numpy", "interpreter", "torch"]):
        here = moved(here, target, tmp_path / "file")
        for traveller in (here, oracle):
            run(traveller, grads[3 * stage : 3 * stage + 3])
    assert distance(here, oracle) <= 1e-12


@pytest.mark.needs_torch
@pytest.mark.parametrize("target", [marked("jax"), marked("tensorflow")])
def test_one_count_for_all_is_refused_where_it_matters(target: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    params, grads = values(4)
    for g in grads:
        g["s"] = None
    here = Torch(rule("adam"), params)
    run(here, grads)
    here.save(file)
    refused(standing("adam", target), file, "parameter 's' was updated 0 times and the model 4 times")
    here = Torch(rule("momentum"), params)
    run(here, grads)
    there = moved(here, target, file)
    slot = rule("momentum").core.slots[0].name
    assert np.array_equal(there.slot("net/w", slot), here.slot("net/w", slot)) and here.slot("s", slot) is None
    assert not there.slot("s", slot).any()
    refused(standing("momentum", target), file, "parameter 's' was never updated, and what it is loaded into was")


@pytest.mark.needs_jax
def test_more_updates_than_optax_counts(tmp_path: Path) -> None:
    file = tmp_path / "file"
    many = 2**31
    written(
        file,
        "adam",
        lambda s: replace(s, step=many, parameters={p: replace(v, step=many) for p, v in s.parameters.items()}),
    )
    refused(standing("adam", "jax"), file, "more than optax counts")
    there = steps_of("adam", "torch")
    there.load(file)
    assert {int(kept["step"]) for kept in there.opt.state.values()} == {many}  # type: ignore[attr-defined]


# What each target adds


@pytest.mark.needs_torch
def test_torch_groups(tmp_path: Path) -> None:
    import torch

    def make(values: tuple[float, float], flags: tuple[bool, bool] = (True, False)) -> Any:
        ps = [torch.nn.Parameter(torch.full((2,), v)) for v in values]
        groups = [{"params": [("a", ps[0])], "amsgrad": flags[0]}, {"params": [("b", ps[1])], "amsgrad": flags[1]}]
        opt = adaspec.build("adam_eps_hat", "torch")(groups)
        for p in ps:
            p.grad = torch.full_like(p, 2.0)
        opt.step()
        return opt

    adaspec.save_state(make((1.0, 2.0)), tmp_path / "file")
    adaspec.load_state(tmp_path / "file", make((3.0, 4.0)))
    with pytest.raises(ValueError, match=r"missing slots: 'b\.\w+'\n  unexpected slots: 'a\.\w+'"):
        adaspec.load_state(tmp_path / "file", make((3.0, 4.0), (False, True)))

    ps = [torch.nn.Parameter(torch.ones(2)) for _ in range(2)]
    opt = adaspec.torch.ScheduleFree([{"params": [ps[0]]}, {"params": [ps[1]], "lr": 1.0}])
    for p in ps:
        p.grad = torch.ones(2)
    opt.step()
    with pytest.raises(ValueError, match="the groups hold different values of 'weight'"):
        adaspec.save_state(opt, tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.needs_torch
@pytest.mark.needs_tensorflow
def test_a_view_that_is_shown_is_refused(tmp_path: Path) -> None:
    torch, keras = (steps_of("schedule_free", t) for t in ("torch", "tensorflow"))
    torch.save(tmp_path / "file")
    torch.opt.eval()  # type: ignore[attr-defined]
    keras.opt.swap_view("eval")  # type: ignore[attr-defined]
    for traveller in (torch, keras):
        before = traveller.held()
        with pytest.raises(RuntimeError, match="show"):
            traveller.load(tmp_path / "file")
        with pytest.raises(RuntimeError, match="show"):
            traveller.save(tmp_path / "other")
        assert traveller.held() == before


def built(optimizer: Any, variables: list[Any]) -> Any:
    optimizer.build(variables)
    return optimizer


@pytest.mark.needs_tensorflow
def test_keras_manners(tmp_path: Path) -> None:
    import keras

    file = tmp_path / "file"
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2, name="one")])
    opt = adaspec.tensorflow.Adam()
    with pytest.raises(ValueError, match="call build"):
        adaspec.save_state(opt, file)
    opt = adaspec.tensorflow.Adam(gradient_accumulation_steps=2)
    opt.build(model.trainable_variables)
    grads = [np.ones(v.shape, "float32") for v in model.trainable_variables]
    for _ in range(5):
        opt.apply(grads)
    with pytest.raises(ValueError, match="1 of 2 gradients are accumulated"):
        adaspec.save_state(opt, file)
    opt.apply(grads)
    adaspec.save_state(opt, file)
    saved = statefile.decoded(file.read_bytes(), "").state
    assert saved.step == 3 and {p.rpartition("/")[2] for p in saved.parameters} == {"kernel", "bias"}
    opt.apply(grads)
    adaspec.load_state(file, opt)
    assert int(opt._iterations) == 6 and int(opt.iterations) == 3
    assert all(not np.any(v.numpy()) for v in opt._accumulated_gradients)
    with pytest.raises(TypeError, match="leave params= out"):
        adaspec.save_state(opt, file, params=model)
    scaled = keras.optimizers.LossScaleOptimizer(adaspec.tensorflow.Adam())
    scaled.build(model.trainable_variables)
    with pytest.raises(TypeError, match=r"LossScaleOptimizer does not say .*\(inner_optimizer"):
        adaspec.save_state(scaled, file)
    with pytest.raises(ValueError, match="unexpected parameters"):
        adaspec.load_state(file, built(adaspec.tensorflow.Adam(), model.trainable_variables[:1]))


@pytest.mark.needs_jax
def test_jax_manners(tmp_path: Path) -> None:
    import jax
    import jax.numpy as jnp
    import optax

    file = tmp_path / "file"
    params = {"a": [jnp.ones(3), None], "b": (jnp.ones(2),)}
    tx = adaspec.jax.adam()
    step = jax.jit(lambda s: tx.update(jax.tree.map(jnp.ones_like, params), s, params)[1], donate_argnums=0)
    state = step(tx.init(params))
    adaspec.save_state(state, file, params=params, spec=tx)
    assert list(statefile.decoded(file.read_bytes(), "").state.parameters) == ["a/0", "b/0"]
    again = adaspec.load_state(file, jax.eval_shape(tx.init, params), params=params)
    assert jax.tree.structure(again) == jax.tree.structure(state)
    same = jax.tree.map(
        lambda a, b: a.dtype == b.dtype and a.weak_type == b.weak_type and bool((a == b).all()), again, state
    )
    assert all(jax.tree.leaves(same))
    assert int(step(again).count) == 2 and step._cache_size() == 1  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="give params="):
        adaspec.save_state(state, file)
    with pytest.raises(ValueError, match="trees of other shapes"):
        adaspec.save_state(state, file, params={"a": jnp.ones(3)})
    with pytest.raises(TypeError, match="its member"):
        chain = optax.chain(optax.clip(1.0), tx)
        adaspec.save_state(chain.init(params), file, params=params)
    wrapped: Any = optax.inject_hyperparams(adaspec.jax.adam)(learning_rate=0.1).init(params)
    with pytest.raises(TypeError, match=r"does not say .* inner_state\)"):
        adaspec.save_state(wrapped, file, params=params)
    assert int(adaspec.load_state(file, wrapped.inner_state, params=params).count) == 1
    many = jax.vmap(lambda x: tx.init({"a": x}))(jnp.ones((2, 3)))
    with pytest.raises(ValueError, match=r"count has shape \(2,\)"):
        adaspec.save_state(many, file, params={"a": jnp.ones((2, 3))})


@pytest.mark.needs_jax
def test_x64_that_is_off_is_noticed(tmp_path: Path) -> None:
    here = steps_of("adam", "jax")
    assert isinstance(here, Jax)
    here.save(tmp_path / "file")
    with pytest.raises(ValueError, match="enable x64"):
        adaspec.load_state(tmp_path / "file", here.state, params=here.x)


@pytest.mark.parametrize("target", [marked(t) for t in ("torch", "jax", "tensorflow")])
def test_exported_code_needs_to_be_told_its_spec(target: str, tmp_path: Path) -> None:
    """It stands alone; with spec= its state travels like that of the built class."""
    module: dict[str, Any] = {"__name__": "mine"}
    exec(adaspec.export("prodigy", target), module)
    here = steps_of("prodigy", "numpy")
    here.save(tmp_path / "file")
    if target == "torch":
        import torch

        into = module["Prodigy"]([(p, torch.nn.Parameter(torch.tensor(a))) for p, a in here.params().items()])
        given: dict[str, Any] = {}
    elif target == "jax":
        there = Jax(rule("prodigy"), here.params())
        with there.scope():
            into, given = module["prodigy"]().init(there.x), {"params": there.x}
    else:
        params = Keras(rule("prodigy"), here.params())
        into, given = module["Prodigy"](), {}
        into.build(list(params.x.values()))
    with pytest.raises(TypeError, match="give spec="):
        adaspec.load_state(tmp_path / "file", into, **given)
    with here_scope(target):
        found = adaspec.load_state(tmp_path / "file", into, **given, spec="prodigy")
        adaspec.save_state(found, tmp_path / "again", **given, spec=rule("prodigy"))
    old, new = (statefile.decoded((tmp_path / n).read_bytes(), "") for n in ("file", "again"))
    assert new.state == old.state and new.target == target


def here_scope(target: str) -> Any:
    if target == "jax":
        import jax

        return jax.enable_x64(True)
    return warnings.catch_warnings()


def test_what_is_no_state(tmp_path: Path) -> None:
    here = steps_of("adam", "numpy")
    assert isinstance(here, NumPy)
    file = tmp_path / "file"
    for thing in (3, None, {}, [], {"m": 1}, here.opt):
        with pytest.raises(TypeError, match="no state that adaspec knows"):
            adaspec.save_state(thing, file, params=here.x, spec="adam")
    with pytest.raises(TypeError, match="give spec="):
        adaspec.save_state(here.state, file, params=here.x)
    with pytest.raises(TypeError, match="spec= is a spec"):
        adaspec.save_state(here.state, file, params=here.x, spec=3)
    with pytest.raises(TypeError, match="give params="):
        adaspec.save_state(here.state, file, spec="adam")
    with pytest.raises(ValueError, match="keeps"):
        adaspec.save_state(here.state, file, params=here.x, spec="sgd")
    with pytest.raises(ValueError, match="the same paths"):
        adaspec.save_state(here.state, file, params={"w": np.ones(3)}, spec="adam")
    here.state["slots"]["s"]["m"] = np.ones(2)
    with pytest.raises(ValueError, match=r"'s\.m' is float64 of shape \(2,\)"):
        here.save(file)
    assert not file.exists()


@pytest.mark.needs_torch
def test_a_state_of_one_rule_under_the_spec_of_another(tmp_path: Path) -> None:
    here = steps_of("adam", "torch")
    assert isinstance(here, Torch)
    with pytest.raises(ValueError, match=r"a state of adam \(.*, and spec= is sgd"):
        adaspec.save_state(here.opt, tmp_path / "file", spec="sgd")


def test_a_changed_rule_travels_and_is_another(tmp_path: Path) -> None:
    """A spec that has no place in the library: found again from the class that was built of it."""
    file = tmp_path / "file"
    spec = rule("adax").replace(beta2_hat="1 - t**-c", c=0.8)
    params, grads = values(6)
    here = NumPy(spec, params)
    run(here, grads)
    here.save(file)
    refused(standing("adax", "numpy"), file, "another rule")
    saved = statefile.decoded(file.read_bytes(), "")
    assert adaspec.parse(saved.text) == spec and saved.hash == spec.hash and saved.name == "adax"
