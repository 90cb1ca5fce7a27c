"""State of complex parameters: it travels bit for bit, in a file that holds the parts of each slot."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

import adaspec
from adaspec import statefile
from adaspec.portable import transposed
from journeys import distance, marked, moved, rule, run
from test_complexes import TAKEN
from travellers import SHAPES, TRAVELLERS, NumPy

ABLE = [t for t in TRAVELLERS if t != "tensorflow"]
PAIRS = [pytest.param(a, b, marks=[m for t in (a, b) for m in getattr(marked(t), "marks", ())])
         for a, b in permutations(ABLE, 2)]  # fmt: skip
GRADIENTS = [n for n in TAKEN if not adaspec.load(n).inputs]


def values(steps: int) -> tuple[dict[str, np.ndarray], list[dict[str, np.ndarray]]]:
    rng = np.random.default_rng(0)

    def draw() -> dict[str, np.ndarray]:
        return {path: np.asarray(rng.normal(size=s) + 1j * rng.normal(size=s)) for path, s in SHAPES.items()}

    return draw(), [draw() for _ in range(steps)]


@pytest.mark.parametrize("name", ["adam", "prodigy", "schedule_free", "novograd"])
@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_saved_in_the_middle_and_resumed_elsewhere(source: str, target: str, name: str, tmp_path: Path) -> None:
    params, grads = values(8)
    oracle, here = (TRAVELLERS[t](rule(name), params, "complex128") for t in ("interpreter", source))
    run(oracle, grads)
    run(here, grads[:4])
    there = moved(here, target, tmp_path / "file")
    assert there.held() == here.held()
    run(there, grads[4:])
    assert distance(there, oracle) <= 1e-12


@pytest.mark.sampled
@pytest.mark.parametrize("name", GRADIENTS)
@pytest.mark.parametrize("target", [marked(t) for t in ABLE if t != "numpy"])
def test_every_rule_travels_there_and_back(target: str, name: str, tmp_path: Path) -> None:
    params, grads = values(2)
    here = NumPy(rule(name), params, "complex128")
    run(here, grads)
    there = moved(here, target, tmp_path / "file")
    there.save(tmp_path / "again")
    old, new = (statefile.decoded((tmp_path / n).read_bytes(), "") for n in ("file", "again"))
    assert new.state == old.state and new.target == target and there.held() == here.held()


def test_the_file_holds_the_parts(tmp_path: Path) -> None:
    """Any tool may look into it, also one that knows no complex numbers."""
    from safetensors import safe_open
    from safetensors.numpy import load_file

    params, grads = values(2)
    here = NumPy(rule("novograd"), params, "complex64")
    run(here, grads)
    here.save(tmp_path / "file")
    tensors = load_file(tmp_path / "file")
    m, v = tensors["net/w.m"], tensors["net/w.v"]
    assert (m.shape, m.dtype, v.shape, v.dtype) == ((4, 3, 2), np.float32, (), np.float32)
    np.testing.assert_array_equal(m.view(np.complex64)[..., 0], here.slot("net/w", "m"))
    with safe_open(tmp_path / "file", "np") as file:
        head = json.loads(file.metadata()["adaspec"])
    row = head["parameters"]["net/w"]
    assert row == {"shape": [4, 3], "dtype": "complex64", "step": 2, "begun": True, "complex": ["m"]}


def test_what_is_complex_must_fit(tmp_path: Path) -> None:
    params, _ = values(1)
    parts = {path: np.real(p) for path, p in params.items()}
    for mine, other in (("complex128", "float64"), ("complex128", "complex64"), ("float64", "complex128")):
        here = NumPy(rule("adam"), params if "complex" in mine else parts, mine)
        here.save(tmp_path / "file")
        there = NumPy(rule("adam"), params if "complex" in other else parts, other)
        before = there.held()
        with pytest.raises(ValueError, match=rf"'net/w\.m' is {mine} of shape \(4, 3\) and must be {other} of shape"):
            there.load(tmp_path / "file")
        assert there.held() == before


def test_a_transposed_slot_keeps_its_parts(tmp_path: Path) -> None:
    params, grads = values(2)
    here, turned = (NumPy(rule("adam"), p, "complex128") for p in (params, {**params, "net/w": params["net/w"].T}))
    run(here, grads)
    here.save(tmp_path / "file")
    turned.load(tmp_path / "file", transpose={"net/w": (1, 0)})
    np.testing.assert_array_equal(turned.slot("net/w", "m"), here.slot("net/w", "m").T)
    saved = statefile.decoded((tmp_path / "file").read_bytes(), "").state.parameters["net/w"].slots
    slot = np.asarray(here.slot("net/w", "m"))
    assert saved is not None and transposed(saved["m"], (1, 0)).data == slot.transpose().tobytes()


@pytest.mark.parametrize("odd", [5, ["m", 5], ["w"], ["v"]])
def test_a_head_that_names_no_complex_slots_is_refused(odd: object, tmp_path: Path) -> None:
    params, _ = values(1)
    here = NumPy(rule("novograd"), params, "complex128")
    here.save(tmp_path / "file")
    saved = statefile.decoded((tmp_path / "file").read_bytes(), "")
    tensors = {
        f"{p}.{n}": statefile._real(a) for p, s in saved.state.parameters.items() for n, a in (s.slots or {}).items()
    }
    row = {"shape": [4, 3], "dtype": "complex128", "step": 0, "begun": True, "complex": odd}
    slots = {n: tensors[f"net/w.{n}"] for n in ("m", "v")}
    with pytest.raises(ValueError, match=r"here: parameter 'net/w' (is damaged|has no complex slot '[wv]')"):
        statefile._parameter("net/w", row, slots, "here")


def test_the_other_byte_order_is_turned(tmp_path: Path) -> None:
    """The interpreter's slots have the order of bytes of its parameters; the file has one order."""
    x = np.arange(3.0).astype(">f8")
    opt = adaspec.interpret("adam")
    _, state = opt.step(x, np.ones(3), opt.init(x))
    adaspec.save_state(state, tmp_path / "file", params=x, spec=opt)
    plain = x.astype(float)
    found = adaspec.load_state(tmp_path / "file", opt.init(plain), params=plain, spec=opt)
    kept = state.slots[""]["m"]
    assert kept.dtype == ">f8" and (found.slots[""]["m"] == kept).all() and (kept > 0.09).all()
