"""The demo: short runs of all of it, and each part for what it claims."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import adaspec
from adaspec.cli import main
from adaspec.cli.quiet import start
from adaspec.demo import digits, newcomer, race, regression, story

FRAMEWORKS = [
    "numpy",
    pytest.param("torch", marks=pytest.mark.needs_torch),
    pytest.param("jax", marks=pytest.mark.needs_jax),
    pytest.param("tensorflow", marks=pytest.mark.needs_tensorflow),
]


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, int]:
    """One quick telling on NumPy alone: its folder, what it printed, its status."""
    import contextlib
    import io

    folder = tmp_path_factory.mktemp("demo") / "out"
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        status = main(["demo", "--quick", "--targets", "numpy", "--out", str(folder)])
    return folder, said.getvalue(), status


def test_it_tells_everything(told: tuple[Path, str, int]) -> None:
    _, said, status = told
    assert status == 0
    assert "\x1b" not in said and "\r" not in said
    parts = re.findall(r"^\d  (.+)$", said, re.M)
    assert parts == [
        "One rule, every framework", "A new optimizer, written now", "Nine rules learn to read",
        "The same everywhere, measured",
    ]  # fmt: skip
    assert "unknown name 'bata1'" in said and "^^^^^" in said and "did you mean 'beta1'?" in said
    assert newcomer.TEXT in said
    assert "torch._foreach_lerp_" in said
    assert "Everything agrees" in said
    assert len(re.findall(r"^  .*adaspec (check|verify|list)", said, re.M)) == 3


def test_it_writes_the_rule_its_code_and_the_picture(told: tuple[Path, str, int]) -> None:
    folder, said, _ = told
    codes = {f"wary_{target}.py" for target in ("numpy", "torch", "jax", "tensorflow")}
    assert {p.name for p in folder.iterdir()} == {"wary.py", "digits.png", "digits.svg"} | codes
    spec = adaspec.load(folder / "wary.py")
    for target in ("numpy", "torch", "jax", "tensorflow"):
        assert (folder / f"wary_{target}.py").read_text() == adaspec.export(spec, target)
    assert (folder / "digits.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (folder / "digits.svg").read_text()
    assert all(str(folder / name) in said for name in ("digits.png", "digits.svg", "wary_torch.py"))


def test_the_newcomer_is_a_rule_of_twenty_lines() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spec = newcomer.written("wary.py")
    assert len(newcomer.TEXT.splitlines()) <= 22
    assert spec.evaluate("beta2_hat", 1) == 0
    first, heart = newcomer.heart(adaspec.export(spec, "torch"))
    lines = adaspec.export(spec, "torch").split("\n")
    assert heart.split("\n") == lines[first - 1 : first - 1 + heart.count("\n") + 1]
    assert len(heart) < len("\n".join(lines)) / 2


@pytest.mark.parametrize("target", FRAMEWORKS)
def test_regression_takes_the_same_path_everywhere(target: str) -> None:
    start([target])
    task = regression.problem()
    spec = adaspec.load("adam")
    path, base = (regression.run(spec, t, task) for t in (target, "numpy"))
    assert not path.problem
    assert path.points.shape == (301, 3) and path.points.dtype == np.float64
    np.testing.assert_allclose(path.points[-1], regression.TRUTH, atol=2e-3)
    assert path.distance(base) < 1e-12


def test_a_framework_that_does_not_work_is_a_row(tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> list[object]:
        raise ImportError("libfoo.so is missing\nand more")

    monkeypatch.setitem(regression.RUNS, "torch", fail)
    monkeypatch.setitem(regression.RUNS, "jax", fail)
    monkeypatch.setattr(regression, "build", lambda spec, target: adaspec.build(spec, "numpy"))
    monkeypatch.setattr(story, "present", lambda target: target in ("numpy", "torch"))
    told = story.Story(tmp_path, quick=True)
    told.regression()
    out = capsys.readouterr().out
    assert re.search(r"^torch +ImportError: libfoo.so is missing$", out, re.M)
    assert re.search(r"^jax +not installed: pip install 'adaspec\[jax\]'$", out, re.M)
    assert not told.agrees


def test_a_difference_is_said(tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    real = regression.on_numpy
    monkeypatch.setitem(regression.RUNS, "torch", lambda optimizer, task: [p + 1e-6 for p in real(optimizer, task)])
    monkeypatch.setattr(regression, "build", lambda spec, target: adaspec.build(spec, "numpy"))
    monkeypatch.setattr(story, "present", lambda target: target in ("numpy", "torch"))
    told = story.Story(tmp_path, quick=True, targets=["numpy", "torch"])
    told.regression()
    assert re.search(r"^torch .* 1.0e-06  differs$", capsys.readouterr().out, re.M)
    assert not told.agrees


def test_without_the_laboratory(tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(story, "find_spec", lambda module: None)
    assert main(["demo", "--quick", "--targets", "numpy", "--out", str(tmp_path)]) == 2
    out = capsys.readouterr().out
    assert "pip install 'adaspec[lab]'" in out
    assert (tmp_path / "wary_torch.py").exists() and not (tmp_path / "digits.png").exists()


def test_a_folder_that_cannot_be_made(tmp_path: Path, capsys) -> None:
    (tmp_path / "file").write_text("mine")
    assert main(["demo", "--out", str(tmp_path / "file")]) == 2
    assert "cannot make the folder" in capsys.readouterr().err


def test_backpropagation_is_right() -> None:
    data = digits.load()
    x, y = data.train_x[:50], data.train_y[:50]
    params = digits.start(0)
    grads = digits.gradients(params, x, y)
    rng = np.random.default_rng(0)
    for layer, arrays in params.items():
        for name, array in arrays.items():
            at = tuple(rng.integers(n) for n in array.shape)
            slopes = []
            for sign in (1, -1):
                array[at] += sign * 1e-6
                slopes.append(sign * digits.loss(params, x, y) / 2e-6)
                array[at] -= sign * 1e-6
            assert sum(slopes) == pytest.approx(grads[layer][name][at], abs=1e-6)


def test_the_race_is_reproducible_and_learns() -> None:
    data = digits.load()
    effort = race.Effort(epochs=3, seeds=(1, 2, 3), rates=(0.01, 1e6))
    specs = [adaspec.load("adam"), adaspec.load("schedule_free")]
    entries = race.race(specs, data, effort, lambda what: None)
    assert [e.curves for e in entries] == [e.curves for e in race.race(specs, data, effort, lambda what: None)]
    for entry in entries:
        assert entry.rate == 0.01  # the other one is too high to end anywhere
        assert entry.steps[0] == 0 and entry.steps[-1] == 3 * (digits.TRAINING // digits.BATCH)
        assert entry.median[0] > 2 and entry.final[-1] < 1
        assert entry.accuracy > 0.8
    assert entries[0].final[1] <= entries[1].final[1]


@pytest.mark.needs_torch
@pytest.mark.parametrize("name", ["adam", "schedule_free", "lamb"])
def test_torch_runs_the_same_race(name: str) -> None:
    start(["torch"])
    data = digits.load()
    effort = race.Effort(epochs=2, seeds=(1,), rates=(0.01,))
    (entry,) = race.race([adaspec.load(name)], data, effort, lambda what: None)
    assert race.difference(race.on_torch(entry, data, effort), entry.curves[0]) < 1e-10
