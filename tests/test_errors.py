"""Bad specs beside their exact messages: `errors/NAME.py` and `errors/NAME.txt`; `errors/warnings` likewise.

A message is read as a user reads it: place, reason, source line, caret, remedy. `pytest --update-golden` writes the
files anew; read the difference as a user would.
"""

from __future__ import annotations

import ast
import importlib
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import adaspec
from adaspec import errors
from adaspec.ir import NOWHERE

FOLDER = Path(__file__).parent / "errors"
BAD = sorted(FOLDER.glob("*.py"))
DOUBTFUL = sorted((FOLDER / "warnings").glob("*.py"))
WORDED = (3, 11)
"""The Python whose words about its syntax the files hold: every version has its own."""
FRONT = [
    "axes",
    "chain",
    "check",
    "compose",
    "declare",
    "doubts",
    "expand",
    "flow",
    "hypers",
    "inline",
    "joining",
    "literals",
    "names",
    "parse",
    "reals",
    "shapes",
    "source",
    "stage",
]


def name(file: Path) -> str:
    return file.stem


def compare(file: Path, found: str, request: pytest.FixtureRequest) -> None:
    golden = file.with_suffix(".txt")
    if request.config.getoption("--update-golden"):
        golden.write_text(found + "\n", encoding="utf-8")
    assert found + "\n" == golden.read_text(encoding="utf-8"), "if it is better now: pytest --update-golden"


def refused(file: Path) -> adaspec.SpecError:
    with pytest.raises(adaspec.SpecError) as caught:
        adaspec.parse(file.read_bytes(), file.name)
    return caught.value


@pytest.mark.parametrize("file", BAD, ids=name)
def test_a_bad_spec_gets_its_message(file: Path, request: pytest.FixtureRequest) -> None:
    error = refused(file)
    if file.stem.startswith("syntax_") and sys.version_info[:2] != WORDED:
        assert str(error).split("\n")[0].startswith(f"{file.name}:")
    else:
        compare(file, str(error), request)
    assert error.path == file.name and error.line >= 1 and error.column >= 1
    assert "\t" not in str(error) and all(len(line) <= 160 for line in str(error).split("\n"))


@pytest.mark.parametrize("file", BAD, ids=name)
def test_the_caret_stands_under_the_span(file: Path) -> None:
    """The characters over the carets are the source's between the two columns of the span."""
    error = refused(file)
    if error.span == NOWHERE:
        pytest.skip("the whole text is meant")
    _, source, carets, *_ = str(error).split("\n")
    assert set(carets.strip()) == {"^"}
    line = error.source.replace("\t", " ")
    stop = error.span.end_column if error.span.end_line == error.span.line else len(line)
    meant = errors._visible(line[error.span.column : stop])
    if line.isascii() and len(line) <= errors.WIDTH:
        start = len(carets) - len(carets.lstrip())
        assert source[start : len(carets)] == (meant or "")


@pytest.mark.parametrize("file", DOUBTFUL, ids=name)
def test_a_doubtful_spec_gets_its_warnings(file: Path, request: pytest.FixtureRequest) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        adaspec.parse(file.read_bytes(), file.name)
    assert all(note.category is adaspec.SpecWarning and note.filename == __file__ for note in caught)
    compare(file, "\n".join(str(note.message) for note in caught), request)


def test_no_message_is_left_over() -> None:
    for folder, files in ((FOLDER, BAD), (FOLDER / "warnings", DOUBTFUL)):
        assert sorted(f.stem for f in folder.glob("*.txt")) == [f.stem for f in files]


def test_nearly_every_message_has_a_remedy() -> None:
    """Python's own words about its syntax stand for themselves."""
    bare = [file.stem for file in BAD if not refused(file).hint]
    assert all(stem.startswith("syntax_") for stem in bare), bare


ELSEWHERE = {
    ("compose", "_called"): "of the library's own rules, as the next three: test_compose",
    ("inline", "stmt"): "an assertion about a flag that a call gives",
    ("joining", "take"): "a long name of a rule",
    ("joining", "beginning"): "a hyperparameter that is read at init",
    ("parse", "parse_expression"): "of spec.replace: test_language",
    ("source", "decode"): "size and lone surrogates: test_hostile",
    ("source", "tree"): "Python's own budgets, behind ours",
    ("source", "_not_tokens"): "Python 3.12",
}
"""Functions some of whose errors no file of the folder can show, each with where they are shown."""


def sites() -> Iterator[tuple[str, str, range]]:
    """Each place of the front end that makes a SpecError: its module, function and lines."""
    for module in FRONT:
        path = Path(importlib.import_module(f"adaspec.{module}").__file__ or "")
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef):
                for node in ast.walk(function):
                    if isinstance(node, ast.Call) and _makes_an_error(node.func) and function.name != "refuse":
                        yield module, function.name, range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _makes_an_error(function: ast.expr) -> bool:
    match function:
        case ast.Name(id="SpecError") | ast.Attribute(attr="refuse"):
            return True
    return False


def test_every_error_of_the_front_end_has_a_bad_spec(monkeypatch: pytest.MonkeyPatch) -> None:
    made: set[tuple[str, int]] = set()
    plain = errors.SpecError.__init__

    def noted(self: errors.SpecError, *args: object, **options: object) -> None:
        frame: Any = sys._getframe(1)
        while frame.f_code.co_name == "refuse":
            frame = frame.f_back
        made.add((Path(frame.f_code.co_filename).stem, frame.f_lineno))
        plain(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(errors.SpecError, "__init__", noted)
    for file in BAD:
        with pytest.raises(adaspec.SpecError):
            adaspec.parse(file.read_bytes())
    missing = [
        f"{module}.{function}, line {lines[0]}"
        for module, function, lines in sites()
        if not any((module, line) in made for line in lines) and (module, function) not in ELSEWHERE
    ]
    assert not missing, "\n".join(missing)
