"""Every example of the documents runs: specs, sessions line by line, tables row by row, commands as typed."""

from __future__ import annotations

import ast
import doctest
import re
import shlex
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest

import adaspec
from adaspec.build import TARGETS
from adaspec.cli import main
from adaspec.interpret import Run, _lockstep
from adaspec.verification import supplied
from adaspec.vocabulary import FUNCTIONS, KINDS

ROOT = Path(__file__).parent.parent
LANGUAGE = (ROOT / "docs" / "spec-language.md").read_text(encoding="utf-8")
STATE = (ROOT / "docs" / "state.md").read_text(encoding="utf-8")
TORCH = (ROOT / "docs" / "torch.md").read_text(encoding="utf-8")
NUMPY = (ROOT / "docs" / "numpy.md").read_text(encoding="utf-8")
JAX = (ROOT / "docs" / "jax.md").read_text(encoding="utf-8")
KERAS = (ROOT / "docs" / "keras.md").read_text(encoding="utf-8")
KERNELS = (ROOT / "docs" / "kernels.md").read_text(encoding="utf-8")
PAGES = (LANGUAGE, STATE, NUMPY, TORCH, JAX, KERAS, KERNELS)
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(text: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


SPECS = [b for b in (*blocks(LANGUAGE, "python"), *blocks(README, "python")) if "Grad" in b]


def test_the_documents_have_examples() -> None:
    assert len(SPECS) >= 5 and blocks(LANGUAGE, "python session") and blocks(README, "sh")


@pytest.mark.parametrize("text", SPECS, ids=lambda t: t.split(":")[0].strip('"'))
def test_specs_run_and_export(text: str) -> None:
    spec = adaspec.parse(text)
    params = [np.ones((4, 3)), np.ones(5)]
    opt = adaspec.interpret(spec)
    state = opt.init(params)
    grads = [np.full((4, 3), 0.5), np.full(5, -2.0)]
    for step in range(2):
        params, state = opt.step(params, grads, state, **supplied(spec, 0, step, grads))
    assert all(np.isfinite(p).all() and (p != 1).any() for p in params)
    for label in spec.views:
        assert all(np.isfinite(p).all() for p in opt.view(label, params, state, grads=grads))
    for target in TARGETS:
        ast.parse(adaspec.export(spec, target))


@pytest.mark.parametrize("text", SPECS, ids=lambda t: t.split(":")[0].strip('"'))
def test_specs_agree_on_numpy(text: str) -> None:
    report = adaspec.verify(adaspec.parse(text), ["numpy"], steps=20, dtypes=("float64",))
    assert report.ok, str(report)


# The sessions of a page are one: a later one goes on with the names of those before.
SESSIONS = ["\n".join(blocks(text, "python session")) for text in PAGES] + blocks(README, "python session")


@pytest.mark.parametrize(
    "session", [pytest.param(s, marks=[pytest.mark.needs_compiler] if "fused=True" in s else []) for s in SESSIONS]
)
def test_sessions(session: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for framework in ("torch", "jax", "keras"):
        if re.search(rf"import .*\b{framework}\b", session):
            pytest.importorskip(framework)
    monkeypatch.chdir(tmp_path)
    test = doctest.DocTestParser().get_doctest(session, {}, "session", None, 0)
    result = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE).run(test)
    assert result.attempted and not result.failed


ROWS = re.findall(r"^\| (.*?) \| `(.*?)` \| `(.*?)` \|$", LANGUAGE, re.MULTILINE)


@pytest.mark.parametrize(("words", "example", "value"), ROWS)
def test_rows_of_the_vocabulary(words: str, example: str, value: str) -> None:
    """Each row's value, by the interpreter itself."""
    text = f"def mine(A: Param, v: Grad):\n    found = {example}\n    return A\n"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", adaspec.SpecWarning)
        spec = adaspec.parse(text)
    run = Run(spec, "", np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([3.0, -4.0]), {}, {}, (1, 1), {})
    _lockstep([run.block(spec.statements)])
    np.testing.assert_allclose(run.env["found"], np.array(ast.literal_eval(value), dtype=float), rtol=1e-15)


def test_every_function_has_a_row() -> None:
    shown = set(re.findall(r"`(\w+)`", " ".join(words for words, _, _ in ROWS)))
    assert shown == {name for name, form in FUNCTIONS.items() if form.group not in ("noise", "parts")}
    noise = LANGUAGE.split("### Noise")[1].split("\n## ")[0]
    matrices = LANGUAGE.split("### Matrices")[1].split("\n### ")[0]
    told = set(re.findall(r"^\| `(\w+)\(\)` \|", noise, re.MULTILINE)) | set(
        re.findall(r"`\w+(?:, \w+)+ = (\w+)\(", matrices)
    )
    assert told == FUNCTIONS.keys() - shown


def test_every_kind_is_explained() -> None:
    table = LANGUAGE.split("## Statements")[0]
    for kind in ("Param", "Grad", "Step", "Slot", "Shared", *KINDS, "Optional"):
        assert re.search(rf"`[^`]*\b{kind}\b[^`]*`", table), kind


COMMANDS = [
    line for block in blocks(README, "sh") for line in block.splitlines() if line.startswith("adaspec ")
]  # fmt: skip


@pytest.mark.parametrize("line", [c for c in COMMANDS if " verify" not in c and " demo" not in c])
def test_commands(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(line.partition("#")[0])[1:]) == 0
    assert capsys.readouterr().out.strip() or any(tmp_path.iterdir())


@pytest.mark.needs_compiler
def test_the_commands_of_a_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    export, compiled = blocks(KERNELS, "sh")[0].splitlines()
    assert main(shlex.split(export)[1:]) == 0
    done = subprocess.run(compiled, shell=True, capture_output=True, text=True, check=True)
    assert "0 elements wrong" in done.stdout


def test_the_verify_command(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = [c for c in COMMANDS if " verify" in c]
    words = shlex.split(line.partition("#")[0])[1:]
    assert main([*words, "--targets", "numpy", "--steps", "5"]) == 0


def test_the_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for line in re.findall(r"^make (\w+)", README, re.MULTILINE):
        assert f"\n{line}:" in makefile


def test_the_code_shown_is_the_code_generated() -> None:
    """The README's excerpts are lines of what `adaspec export adax --to torch` writes, in order."""
    spec = (ROOT / "specs" / "adax.py").read_text(encoding="utf-8")
    shown = [b for b in blocks(README, "python") if "def _scalars" in b]
    assert len(shown) == 1
    text = adaspec.export("adax", "torch")
    place = 0
    for line in shown[0].splitlines():
        if line.strip() and line.strip() != "...":
            place = text.index(line, place)
    assert any("def adax" in b and adaspec.parse(b) == adaspec.parse(spec) for b in SPECS)


def test_links_lead_somewhere() -> None:
    for text, base in ((README, ROOT), *((page, ROOT / "docs") for page in PAGES)):
        for link in re.findall(r"\]\((?!http)([^)#]+)\)", text):
            assert (base / link).exists(), link
