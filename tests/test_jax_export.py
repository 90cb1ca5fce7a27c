"""The exported text: the same bytes everywhere, well set, on its own feet, and at home on several devices."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from adaspec.build import export
from adaspec.library import rules
from test_jax import RULES

jax = pytest.importorskip("jax")
jnp = jax.numpy
pytestmark = pytest.mark.needs_jax


@pytest.mark.parametrize("rule", ["adam", "adafactor", "muon", "prodigy", "schedule_free"])
def test_export_stands_alone(rule: str) -> None:
    """The same bytes whatever the hash seed, without JAX to write them, and without adaspec to run them."""
    write = (
        "import sys; sys.modules['jax'] = sys.modules['optax'] = None\n"
        f"from adaspec.build import export; sys.stdout.write(export({rule!r}, 'jax'))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "7"}
    text = subprocess.run([sys.executable, "-c", write], env=environment, capture_output=True, text=True, check=True)
    assert text.stdout == export(rule, "jax")
    assert "adaspec" not in {
        line.split()[1].partition(".")[0] for line in text.stdout.splitlines() if "import " in line[:7]
    }
    space: dict[str, Any] = {"__name__": "alone"}
    exec(compile(text.stdout, "alone.py", "exec"), space)
    assert space[rule]().init({"w": jnp.ones((2, 2))}).count == 0


def test_exported_text_is_formatted(tmp_path: Path) -> None:
    ruff = pytest.importorskip("ruff").find_ruff_bin()
    for rule in rules():
        (tmp_path / f"{rule}.py").write_text(export(rule, "jax"), encoding="utf-8")
    options = ["--isolated", "--no-cache", "--line-length", "120"]
    linted = ["--select", "E,F,W,I,UP,B,SIM", "--ignore", "SIM108", *(f"{tmp_path}/{rule}.py" for rule in RULES)]
    for command in (["format", "--diff", *options, str(tmp_path)], ["check", *options, *linted]):
        done = subprocess.run([ruff, *command], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_sharding() -> None:
    """Slots lie where their parameters lie, before and after a step."""
    text = """
import jax, jax.numpy as jnp
from adaspec.build import build
from jax.sharding import NamedSharding, PartitionSpec as P
mesh = jax.make_mesh((2,), ("d",), axis_types=(jax.sharding.AxisType.Auto,))
w = jax.device_put(jnp.ones((4, 6)), NamedSharding(mesh, P("d")))
for rule in ("adam", "adafactor", "schedule_free", "prodigy", "muon"):
    tx = build(rule, "jax")()
    state = tx.init(w)
    _, after = jax.jit(tx.update)(w, state, w)
    for s in (state, after):
        for leaf in jax.tree.leaves(s):
            if leaf.shape[:1] == (4,):
                assert leaf.sharding.spec[0] == "d", (rule, leaf.sharding)
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "JAX_PLATFORMS": "cpu"}
    environment["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
    subprocess.run([sys.executable, "-c", text], env=environment, check=True)
