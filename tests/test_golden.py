"""The generated code of the seven shared specs on every target, as committed files: every change is seen in review.

`pytest --update-golden` writes them anew.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import adaspec
from adaspec.build import TARGETS, backend
from adaspec.library import rules

GOLDEN = Path(__file__).parent / "golden"
SHARED = ("adafactor", "adam", "adax", "lamb", "muon", "prodigy", "schedule_free")
KERNELS = ("adam", "lamb", "prodigy")
RULES = rules()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", SHARED)
def test_generated_code_is_as_committed(name: str, target: str, request: pytest.FixtureRequest) -> None:
    file = GOLDEN / target / f"{name}.py"
    text = adaspec.export(name, target)
    if request.config.getoption("--update-golden"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), f"{file} differs: review it, then pytest --update-golden"


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_are_as_committed(name: str, request: pytest.FixtureRequest) -> None:
    """The file, its header, and the program that tests it."""
    for file, text in backend("c").files(adaspec.load(name), name).items():
        golden = GOLDEN / "c" / file
        if request.config.getoption("--update-golden"):
            golden.parent.mkdir(parents=True, exist_ok=True)
            golden.write_text(text, encoding="utf-8")
        assert text == golden.read_text(encoding="utf-8"), f"{golden} differs: review it, then pytest --update-golden"
    assert adaspec.export(name, "c") == (GOLDEN / "c" / f"{name}.c").read_text(encoding="utf-8")


def test_no_golden_file_is_left_over() -> None:
    wanted = {GOLDEN / target / f"{name}.py" for target in TARGETS for name in SHARED}
    wanted |= {GOLDEN / "c" / f"{name}{end}" for name in KERNELS for end in (".c", ".h", "_test.c")}
    assert {file for file in GOLDEN.glob("*/*") if file.is_file()} == wanted


@pytest.mark.parametrize("target", TARGETS)
def test_exports_are_the_same_in_every_process(target: str) -> None:
    """No hash seed, locale or order of work shows in the text, and to make it imports no framework."""
    program = (
        f"import adaspec, sys; [sys.stdout.write(adaspec.export(n, {target!r})) for n in {RULES[::-1]!r}]\n"
        "print([m for m in ('torch', 'jax', 'optax', 'tensorflow', 'keras') if m in sys.modules], file=sys.stderr)"
    )
    env = {**os.environ, "PYTHONHASHSEED": "1", "LC_ALL": "C", "PYTHONIOENCODING": "utf-8", "TZ": "UTC1"}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, check=True)
    assert done.stdout == "".join(adaspec.export(n, target) for n in RULES[::-1]).encode()
    assert done.stderr.strip() == b"[]"


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", RULES)
def test_an_export_stands_alone(name: str, target: str) -> None:
    """It imports its framework and the standard library, and its lines are no longer than a reviewer's screen."""
    text = adaspec.export(name, target)
    allowed = {"numpy": {"numpy"}, "torch": {"torch"}, "jax": {"jax", "optax"}, "tensorflow": {"keras", "tensorflow"}}
    modules = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            modules |= {a.name.partition(".")[0] for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(str(node.module).partition(".")[0])
    assert modules <= allowed[target] | set(sys.stdlib_module_names) | {"__future__"}
    assert max(len(line) for line in text.splitlines()) <= 120
    assert text.endswith("\n") and not any(line != line.rstrip() for line in text.splitlines())
