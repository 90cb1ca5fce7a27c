"""What is built and installed elsewhere, without the repository, is the whole of adaspec."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOT_SOURCE = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info")


def run(*command: str, cwd: Path, **env: str) -> str:
    done = subprocess.run(command, cwd=cwd, env=os.environ | env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_package_is_listed() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    homes = {"adaspec": ROOT / "adaspec"} | {name: ROOT / path for name, path in setuptools["package-dir"].items()}
    found = {
        ".".join([name, *init.parent.relative_to(home).parts])
        for name, home in homes.items()
        for init in home.rglob("__init__.py")
    }
    # rglob follows no symlink, so adaspec/backends is seen at its own place only.
    assert found == set(setuptools["packages"])


def test_the_symlinks_serve_in_place_use() -> None:
    for name in ("backends", "specs"):
        assert os.readlink(ROOT / "adaspec" / name) == f"../{name}"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """adaspec as a stranger gets it: tree to sdist, sdist to wheel, wheel into an empty folder."""
    work = tmp_path_factory.mktemp("packaging")
    shutil.copytree(ROOT, work / "tree", symlinks=True, ignore=NOT_SOURCE)
    sdist = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
    run(sys.executable, "-c", sdist, str(work), cwd=work / "tree")
    (archive,) = work.glob("adaspec-*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(work / "unpacked", filter="data")
    (source,) = (work / "unpacked").iterdir()
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-cache-dir")
    run(*pip, "wheel", "--no-index", "--no-build-isolation", "--no-deps", "-w", str(work), str(source), cwd=work)
    (wheel,) = work.glob("*.whl")
    run(*pip, "install", "--no-index", "--no-deps", "--target", str(work / "site"), str(wheel), cwd=work)
    return work / "site"


def test_a_wheel_has_backends_and_specs(installed: Path) -> None:
    script = """
import adaspec, sys
from pathlib import Path
site = Path(sys.argv[1])
assert Path(adaspec.__file__).is_relative_to(site), adaspec.__file__
names = adaspec.names()
assert {path.stem for path in (site / "adaspec" / "specs").glob("[!_]*.py")} <= set(names), names
for target in ("numpy", "torch", "jax", "tensorflow"):
    assert adaspec.export(adaspec.load("adax"), target)
frameworks = {"torch", "jax", "optax", "tensorflow", "keras"} & set(sys.modules)
assert not frameworks, f"exporting imported {frameworks}"
"""
    run(sys.executable, "-c", script, str(installed), cwd=installed.parent, PYTHONPATH=str(installed))
    assert (installed / "adaspec" / "py.typed").exists()
    assert sorted(p.name for p in (installed / "adaspec/specs").iterdir() if p.suffix == ".py") == sorted(
        p.name for p in (ROOT / "specs").glob("*.py")
    )
