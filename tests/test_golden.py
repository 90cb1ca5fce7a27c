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
from adaspec.build import TARGETS
from adaspec.library import rules

GOLDEN = Path(__file__).parent / "golden"
SHARED = ("adafactor", "adam", "adax", "lamb", "muon", "prodigy", "schedule_free")
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


def test_no_golden_file_is_left_over() -> None:
    wanted = {GOLDEN / target / f"{name}.py" for target in TARGETS for name in SHARED}
    assert set(GOLDEN.glob("*/*.py")) == wanted


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
