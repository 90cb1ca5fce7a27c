"""Kernels mean what the array operations mean, on any number of threads; where there is none, nothing breaks."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec.kernels import arrays, compiler, fused, kernel
from adaspec.library import rules
from sample import sample

pytestmark = pytest.mark.needs_compiler

KERNELS = [r for r in rules() if not fused.Fused(adaspec.load(r)).why]
"""The rules that a kernel computes by their defaults."""


def test_which_rules_have_one() -> None:
    """What works on whole matrices, rows or noise has none, and says why."""
    assert len(KERNELS) >= 130
    for rule, why in {"muon": "other axes", "adafactor": "axes of their own", "sgld": "noise"}.items():
        assert rule not in KERNELS and why in fused.Fused(adaspec.load(rule)).why


@pytest.mark.parametrize("rule", KERNELS)
def test_every_kernel_agrees(rule: str) -> None:
    """In float32 too; float64 is tested with all other targets. And so do the array operations in its place."""
    eager = adaspec.verify(rule, ["numpy"], steps=8, modes=("eager",), dtypes=("float32",))
    arrays = adaspec.verify(rule, ["numpy"], steps=8, modes=("arrays",), dtypes=("float64",))
    for report in (eager, arrays):
        assert report.ok and len(report.results) == 1, str(report)


@pytest.mark.needs_torch
@pytest.mark.parametrize("rule", KERNELS)
def test_the_array_operations_of_torch_agree(rule: str) -> None:
    report = adaspec.verify(rule, ["torch"], steps=8, modes=("arrays", "loop"), dtypes=("float64",))
    assert report.ok and report.results, str(report)


def problem(shapes: list[tuple[int, ...]], steps: int, dtype: str, seed: int = 0) -> tuple[list[Any], list[list[Any]]]:
    rng = np.random.default_rng(seed)
    params = [np.asarray(rng.normal(size=s)).astype(dtype) for s in shapes]
    return params, [[np.asarray(rng.normal(size=s)).astype(dtype) for s in shapes] for _ in range(steps)]


def run(rule: str, shapes: list[tuple[int, ...]], dtype: str, kernel: bool = True, steps: int = 4) -> list[Any]:
    """The parameters and all slots behind some steps."""
    params, grads = problem(shapes, steps, dtype)
    opt = adaspec.build(rule, "numpy")()
    if not kernel:
        opt.fused = None
    state = opt.init(params)
    for g in grads:
        opt.step(params, g, state)
    return [*params, *(a for slots in state["slots"].values() for a in slots.values() if a is not None)]


def same(one: list[Any], two: list[Any]) -> bool:
    return len(one) == len(two) and all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one, two, strict=True))


SHAPES = [(70_001,), (3, 5), (), (1,), (0, 4), (40, 30)]


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("rule", ["adam", "lion", "adax", "momentum"])
def test_the_same_bits_as_array_operations(rule: str, dtype: str) -> None:
    """A compiler that is told to keep every rounding does: sums, products, quotients and roots are IEEE's."""
    assert same(run(rule, SHAPES, dtype), run(rule, SHAPES, dtype, kernel=False))


@pytest.mark.parametrize("rule", ["adam", "lamb", "prodigy", "novograd"])
def test_any_number_of_threads(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bits, sums too: they are made by pieces, whoever makes them."""
    monkeypatch.setattr(kernel, "LEAST", 100)
    found = []
    for count in ("1", "2", "3", "7"):
        monkeypatch.setenv("ADASPEC_NUM_THREADS", count)
        found.append(run(rule, [*SHAPES, (50_000,)], "float32"))
    assert all(same(found[0], other) for other in found[1:])


def test_halves_are_rounded_as_ieee_says() -> None:
    """Every half comes out as it went in, and every float becomes the half that NumPy says."""
    every = np.arange(2**16, dtype=np.uint16).view(np.float16)
    wide = every.astype("float32")
    with np.errstate(all="ignore"):
        middle = (wide[:-1] + wide[1:]) / 2
        floats = np.concatenate([wide, middle, np.nextafter(wide, np.float32(9e9))])
    floats = np.concatenate([floats, np.random.default_rng(0).normal(size=10_000).astype("float32") * 1e-6])
    opt = adaspec.numpy.SGD(lr=1.0)
    kept = every.copy()
    state = opt.init([kept])
    opt.step([kept], [np.zeros(kept.shape, np.float32)], state)
    assert opt.fused.kernels and same([kept], [every])
    params = [np.zeros(floats.shape, np.float16)]
    opt.step(params, [-floats], opt.init(params))
    with np.errstate(over="ignore"):
        assert same(params, [floats.astype(np.float16)])


def test_bfloat16_is_rounded_as_ieee_says() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    rng = np.random.default_rng(0)
    floats = rng.integers(0, 2**32, 200_000, np.uint64).astype(np.uint32).view(np.float32)
    opt = adaspec.numpy.SGD(lr=1.0)
    params = [np.zeros(floats.shape, ml_dtypes.bfloat16)]
    opt.step(params, [-floats], opt.init(params))
    with np.errstate(all="ignore"):
        nearest = floats.astype(ml_dtypes.bfloat16)
        assert opt.fused.kernels and same([params[0].astype("float32")], [nearest.astype("float32")])


# Faults: a step goes on without a kernel, after one warning


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, and classes that have compiled nothing yet."""
    monkeypatch.setenv("ADASPEC_CACHE", str(tmp_path / "cache"))
    fused.warn.cache_clear()
    compiler.private.cache_clear()
    monkeypatch.setattr(adaspec.build("adam", "numpy"), "fused", arrays.of(adaspec.load("adam")))
    return tmp_path / "cache"


def wanted() -> list[Any]:
    return run("adam", SHAPES, "float32", kernel=False)


def test_one_file_for_each_kernel(empty: Path) -> None:
    assert same(run("adam", SHAPES, "float32"), wanted())
    (made,) = empty.glob("adam-*")
    assert made.name.startswith("adam-") and made.suffix == ".so" and empty.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("compiler_", "said"),
    [("nowhere-cc", "which is no program"), ("false", "failed: exit status 1"), ("/dev/null", "no program")],
)
def test_a_compiler_that_is_none(compiler_: str, said: str, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", compiler_)
    with pytest.warns(RuntimeWarning, match=said) as found:
        assert same(run("adam", SHAPES, "float32"), wanted())
        run("adam", SHAPES, "float32")
    assert len(found) == 1


def test_no_compiler(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(empty))
    monkeypatch.delenv("CC", raising=False)
    with pytest.warns(RuntimeWarning, match="there is no C compiler"):
        assert same(run("adam", SHAPES, "float32"), wanted())


def test_a_compiler_that_does_not_end(empty: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    slow = tmp_path / "slow-cc"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("CC", str(slow))
    monkeypatch.setattr(compiler, "PATIENCE", 0.2)
    with pytest.warns(RuntimeWarning, match="did not run"):
        assert same(run("adam", SHAPES, "float32"), wanted())


def test_a_cache_that_cannot_be_written(empty: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Root may write anywhere, so a file stands where the folder should be."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ADASPEC_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.warns(RuntimeWarning, match="compiled anew in every process"):
        assert same(run("adam", SHAPES, "float32"), wanted())
    assert adaspec.numpy.Adam.fused.kernels[("float32", "float32", False)] is not None


@pytest.mark.parametrize("harm", ["others may write into it", "nobody's home"])
def test_a_cache_of_somebody_else(harm: str, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies there runs in this process: nothing is loaded from a folder that others may write."""
    if harm == "nobody's home":
        monkeypatch.delenv("ADASPEC_CACHE")
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    else:
        empty.mkdir()
        empty.chmod(0o777)
    with pytest.warns(RuntimeWarning, match="compiled anew in every process") as found:
        assert same(run("adam", SHAPES, "float32"), wanted())
    assert len(found) == 1 and not list(empty.glob("*"))
    assert adaspec.numpy.Adam.fused.kernels[("float32", "float32", False)] is not None


@pytest.mark.parametrize("harm", ["half", "one byte", "nothing", "text", "another's"])
def test_a_file_that_is_not_what_was_written(harm: str, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is never loaded, but made anew."""
    run("adam", [(3,)], "float32")
    (made,) = empty.glob("adam-*")
    good = made.read_bytes()
    bad = {
        "half": good[: len(good) // 2], "nothing": b"", "text": b"not a library",
        "one byte": good[:5000] + bytes([good[5000] ^ 1]) + good[5001:],
        "another's": good[:-32] + compiler.digest(good[:-32], "of another text"),
    }[harm]  # fmt: skip
    made.unlink()  # the one that is loaded stays whole
    made.write_bytes(bad)
    monkeypatch.setattr(adaspec.numpy.Adam, "fused", arrays.of(adaspec.load("adam")))
    assert same(run("adam", SHAPES, "float32"), wanted())
    assert compiler.whole(made, key(made)) and made.stat().st_size > 1000


def key(path: Path) -> str:
    """The key of the file, found again by its name."""
    return next(k for k in KEYS if k.startswith(path.stem.partition("-")[2]))


KEYS: list[str] = []


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Notes every key that is asked for."""
    whole = compiler.whole
    monkeypatch.setattr(compiler, "whole", lambda path, key: [KEYS.append(key), whole(path, key)][1])


def test_an_object_of_another_processor(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a shared home, each kind of processor has a file of its own."""
    run("adam", [(3,)], "float32")
    monkeypatch.setattr(compiler, "processor", lambda: "another one")
    monkeypatch.setattr(adaspec.numpy.Adam, "fused", arrays.of(adaspec.load("adam")))
    run("adam", [(3,)], "float32")
    assert len(list(empty.glob("adam-*"))) == 2


AT_ONCE = """
import numpy as np, adaspec
params = [np.ones(1000, np.float32)]
opt = adaspec.numpy.Adam()
state = opt.init(params)
opt.step(params, [np.ones(1000, np.float32)], state)
assert list(opt.fused.kernels.values())[0] is not None
print(params[0].tobytes().hex()[:16])
"""


def test_processes_that_build_at_once(empty: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", AT_ONCE]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = {p.communicate(timeout=300)[0] for p in processes}
    assert len(said) == 1 and all(p.returncode == 0 for p in processes)
    assert len(list(empty.glob("adam-*"))) == 1 and not list(empty.glob("build-*"))


def test_kernels_can_be_switched_off(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADASPEC_KERNELS", "0")
    assert arrays.of(adaspec.load("adam")) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert same(run("adam", SHAPES, "float32"), wanted())


FORKED = """
import os, numpy as np, adaspec
from adaspec.kernels import kernel
kernel.LEAST = 100
os.environ["ADASPEC_NUM_THREADS"] = "2"
def step():
    params = [np.ones(1000, np.float32)]
    opt = adaspec.numpy.Adam()
    return opt.step(params, [np.ones(1000, np.float32)], opt.init(params))[0][0][0]
here = step()
child = os.fork()
if not child:
    os._exit(0 if step() == here else 1)
assert os.waitpid(child, 0)[1] == 0 and step() == here
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_has_threads_of_its_own() -> None:
    subprocess.run([sys.executable, "-c", FORKED], check=True, timeout=120)


# What a step remembers of the one before


def test_arrays_at_odd_addresses() -> None:
    """C may count on its numbers lying at multiples of their size."""
    memory = np.zeros(4 * 7 + 1, np.uint8)
    opt = adaspec.numpy.Adam()
    params = [memory[1:].view(np.float32)]
    assert not params[0].flags.aligned
    state = opt.init(params)
    opt.step(params, [np.ones(7, np.float32)], state)
    np.testing.assert_allclose(params[0], -0.001, rtol=1e-5)
    assert opt.fused.row(1, (params[0], params[0], state["slots"]["0"])) is None


def test_more_arrays_than_a_print_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not looked at is not remembered."""
    from adaspec.kernels import guard

    watch = guard.guard()
    assert watch is not None
    tree = ({"a": np.ones(3), "b": np.ones(3), "c": np.ones(3)},)
    seen = watch.print(tree)
    assert seen is not None
    whole = len(seen)
    for most in range(whole):
        monkeypatch.setattr(guard, "MOST", most)
        assert watch.print(tree) is None
    monkeypatch.setattr(guard, "MOST", whole)
    assert watch.print(tree) is not None


def test_an_interrupt_waits_for_the_threads() -> None:
    """They write memory that may be freed right behind it."""
    ended = []

    def work(number: int) -> None:
        if not number:
            raise KeyboardInterrupt
        time.sleep(0.2)
        ended.append(number)

    with pytest.raises(KeyboardInterrupt):
        kernel.together(work, [(0,), (1,), (2,)])
    assert sorted(ended) == [1, 2]


@pytest.mark.parametrize("rule", ["ftrl", "adamg"])
def test_vectors_of_any_number_of_threads(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Powers of whole vectors are other bits than those of single numbers, so that parts may not cut them elsewhere."""
    monkeypatch.setattr(kernel, "LEAST", 100)
    found = []
    for count in ("1", "3", "7"):
        monkeypatch.setenv("ADASPEC_NUM_THREADS", count)
        found.append(run(rule, SHAPES, "float32"))
    assert all(same(found[0], other) for other in found[1:])


# The exported file


@pytest.mark.parametrize("rule", [r for r in KERNELS if r in sample()])
def test_the_exported_program(rule: str, tmp_path: Path) -> None:
    """C99 without a warning, alone; its test says what the interpreter says."""
    from adaspec.cli import main

    assert main(["export", rule, "--to", "c", "-o", f"{tmp_path}/"]) == 0
    assert {p.name for p in tmp_path.iterdir()} == {f"{rule}.c", f"{rule}.h", f"{rule}_test.c"}
    strict = ["-std=c99", "-O1", "-Wall", "-Wextra", "-Werror", "-pedantic", "-fopenmp-simd"]
    files = [str(tmp_path / f"{rule}{end}.c") for end in ("", "_test")]
    subprocess.run([compiler.command()[0], *strict, *files, "-o", str(tmp_path / "test"), "-lm"], check=True)
    done = subprocess.run([str(tmp_path / "test")], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.endswith(" 0 elements wrong\n"), done.stdout


NAMES = """"Names: of C. Nobody, 2000. doi:10.1000/1"
from adaspec.lang import *
def names(x: Param, g: Grad, {0}: Slot = zeros, {1}: Slot = zeros, *, {2}: Rate = 0.1, {3}: Decay = 0.5):
    {4} = mean(g**2)
    {0} = {3} * {0} + exp({4} - g)
    {1} = {1} + log1p(abs(g))
    x = x - {2} * {0} / sqrt({1} + {4})
    return x, {0}, {1}
"""


@pytest.mark.parametrize(
    "words",
    ["expf x_at sqrtf NAN I", "complex PARAM FLOAT32 INDEPENDENT SUMS", "g_at GRAD NULL log1pf a", "k t n h int64_t"],
)
def test_words_of_c_are_names_of_a_spec(words: str, tmp_path: Path) -> None:
    """A word that is a macro, a function's or the file's own is spelt otherwise in C, and means the same."""
    file = tmp_path / "names.py"
    file.write_text(NAMES.format(*words.split()))
    found = []
    for off in (False, True):
        cls: Any = adaspec.build(adaspec.load(file), "numpy")
        opt = cls()
        if off:
            opt.fused = None
        params, grads = problem([(5,), (70,)], 3, "float64")
        state = opt.init(params)
        for g in grads:
            opt.step(params, g, state)
        found.append(params)
        assert all(cls.fused.kernels.values())
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-12)


def test_what_has_no_kernel_is_not_exported() -> None:
    with pytest.raises(ValueError, match="no loop over single elements computes"):
        adaspec.export("muon", "c")
    with pytest.raises(ValueError, match="exported, not built"):
        adaspec.build("adam", "c")


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_norms_of_any_size(scale: float) -> None:
    """Their squares leave the range of float32, and not that of the sums."""
    (x,), ((g,),) = problem([(50,)], 1, "float64")
    wanted, _ = adaspec.interpret("lamb").step([scale * x], [g], adaspec.interpret("lamb").init([scale * x]))
    params = [(scale * x).astype("float32")]
    opt = adaspec.numpy.LAMB()
    opt.step(params, [g.astype("float32")], opt.init(params))
    np.testing.assert_allclose(params[0], wanted[0], rtol=1e-5)
