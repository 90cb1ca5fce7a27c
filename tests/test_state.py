"""State that travels: what one target saves another resumes, bit for bit."""

from __future__ import annotations

from itertools import pairwise, permutations
from pathlib import Path

import numpy as np
import pytest

from adaspec import statefile
from journeys import (
    EVERY,
    PAIRS,
    RULES,
    TARGETS,
    distance,
    marked,
    moved,
    refused,
    rule,
    run,
    values,
)
from problem import of_gradients_alone, problem
from travellers import TRAVELLERS, NumPy

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
