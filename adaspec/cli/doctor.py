"""`adaspec doctor`: what is here, what is missing, what that would give and how to get it.

Every framework is asked in a process of its own: one that is broken, slow or talkative cannot harm the answer.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from .quiet import SETTINGS
from .terminal import console, installed, print_json, put, safe, table

TESTED = {
    "numpy": "2.4.6", "array-api-compat": "1.16.0", "rich": "15.0.0", "torch": "2.13.0", "jax": "0.10.2",
    "jaxlib": "0.10.2", "optax": "0.2.8", "tensorflow": "2.21.0", "keras": "3.15.1", "matplotlib": "3.11.2",
    "sympy": "1.14.0", "mpmath": "1.3.0", "scikit-learn": "1.9.1", "safetensors": "0.8.0",
}  # fmt: skip
"""Those of constraints.txt, which an installed adaspec does not have beside it; a test compares the two."""

EXTRAS = {
    "core": ("numpy", "array-api-compat", "rich"),
    "torch": ("torch",),
    "jax": ("jax", "jaxlib", "optax"),
    "tensorflow": ("tensorflow", "keras"),
    "lab": ("matplotlib", "scikit-learn", "sympy", "mpmath"),
    "state": ("safetensors",),
}

GIVES = {
    "core": "everything but other frameworks: check, export to all, run and verify on NumPy",
    "torch": "running and verifying torch optimizers (exporting them needs no torch)",
    "jax": "running and verifying optax transformations (exporting them needs no JAX)",
    "tensorflow": "running and verifying Keras optimizers (exporting them needs no Keras)",
    "lab": "the demo's digits and its picture",
    "state": "saving an optimizer's state, and resuming it in another framework",
}

TOOLS = {
    ("cc", "gcc", "clang"): "kernels: one pass over memory for numpy and torch; torch.compile with inductor",
    ("nvcc",): "nothing yet: the frameworks bring their own CUDA; fused kernels will need it",
}

OLDEST = (3, 11)
TIMEOUT = 120

# Each prints one JSON object as its last line: the devices it sees, and what else is worth a word.
PROBES = {
    "torch": """
import json, torch
devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
if torch.backends.mps.is_available(): devices.append("Apple GPU (mps)")
note = f"CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
print(json.dumps({"devices": devices, "note": note}))
""",
    "jax": """
import json, jax, optax
found = jax.devices()
kinds = [d.device_kind for d in found if d.platform != "cpu"]
print(json.dumps({"devices": kinds, "note": f"runs on {found[0].platform} by default"}))
""",
    "tensorflow": """
import json, keras, tensorflow as tf
gpus = tf.config.list_physical_devices("GPU")
names = [tf.config.experimental.get_device_details(g).get("device_name", g.name) for g in gpus]
print(json.dumps({"devices": names, "note": f"Keras runs on {keras.backend.backend()}"}))
""",
}


@dataclass(frozen=True)
class Part:
    """A distribution: "" for a version that is not there; `state` is ok, missing, other (than tested) or broken."""

    name: str
    extra: str
    version: str
    tested: str
    state: str


@dataclass(frozen=True)
class Probe:
    """What a framework said of itself, or why it could not."""

    extra: str
    devices: tuple[str, ...] = ()
    note: str = ""
    problem: str = ""


def run(as_json: bool) -> int:
    out = console()
    found = [e for e in PROBES if all(installed(name) for name in EXTRAS[e])]
    waiting = console(stderr=True).status("asking the frameworks …") if out.is_terminal else nullcontext()
    with waiting, ThreadPoolExecutor(max_workers=len(PROBES)) as pool:
        probes = {p.extra: p for p in pool.map(probe, found)}
    parts = [part(name, extra, probes) for extra, names in EXTRAS.items() for name in names]
    broken = any(p.state == "broken" for p in parts) or sys.version_info < OLDEST
    if as_json:
        print_json(_facts(parts, probes))
    else:
        _print(out, parts, probes)
    return 1 if broken else 0


def probe(extra: str) -> Probe:
    """Import the framework in a fresh process and ask for its devices. Never raises."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", PROBES[extra]], env=SETTINGS | os.environ, capture_output=True, text=True,
            errors="replace", timeout=TIMEOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Probe(extra, problem=f"no answer within {TIMEOUT} s")
    except OSError as error:
        return Probe(extra, problem=str(error))
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        return Probe(extra, problem=said[-1].strip() if said and done.returncode > 0 else f"ended by {done.returncode}")
    try:
        answer = json.loads(done.stdout.strip().splitlines()[-1])
        return Probe(extra, tuple(answer["devices"]), answer["note"])
    except (ValueError, IndexError, KeyError):
        return Probe(extra, problem="no answer that could be read")


def part(name: str, extra: str, probes: dict[str, Probe]) -> Part:
    version, tested = installed(name), TESTED[name]
    state = "ok" if version.partition("+")[0] == tested else "other"
    if not version:
        state = "missing"
    elif extra in probes and probes[extra].problem:
        state = "broken"
    return Part(name, extra, version, tested, state)


def tool(names: tuple[str, ...]) -> tuple[str, str]:
    """The first of these programs that is there, and the first line of what it says of its version."""
    for name in names:
        path = shutil.which(name)
        if path:
            try:
                done = subprocess.run([path, "--version"], capture_output=True, text=True, errors="replace", timeout=10)
            except (OSError, subprocess.SubprocessError):
                continue
            lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
            release = next((line for line in lines if "release" in line), lines[0] if lines else "")
            return path, release
    return "", ""


def _print(out: Console, parts: list[Part], probes: dict[str, Probe]) -> None:
    from .. import __file__ as home
    from .. import __version__

    rows = table("", "version", "tested with", "verdict")
    fit = sys.version_info >= OLDEST
    verdict = Text("ok", "ok") if fit else Text("3.11 or newer is needed", "bad")
    rows.add_row(Text("Python", "name"), platform.python_version(), "3.11", verdict)
    rows.add_row(Text("adaspec", "name"), __version__, "", Text(safe(str(Path(home or "").parent)), "note"))
    for p in parts:
        rows.add_row(Text(p.name, "name"), safe(p.version) or "-", p.tested, _verdict(p))
    put(out, rows)
    out.print()
    _print_devices(out, probes)
    _print_tools(out)
    _print_missing(out, parts, probes)


def _verdict(p: Part) -> Text:
    style = {"ok": "ok", "missing": "note", "other": "warn", "broken": "bad"}[p.state]
    words = {"ok": "ok", "missing": "not installed", "other": "not the tested version", "broken": "does not start"}
    return Text(words[p.state], style)


def _print_devices(out: Console, probes: dict[str, Probe]) -> None:
    rows = table("framework", "accelerators", "")
    for extra, p in probes.items():
        seen = (
            Text(safe(p.problem), "bad")
            if p.problem
            else Text(", ".join(map(safe, p.devices)) or "none: the processor")
        )
        rows.add_row(Text(extra, "name"), seen, Text(safe(p.note), "note"))
    if probes:
        put(out, rows)
        out.print()


def _print_tools(out: Console) -> None:
    rows = table("compiler", "", "")
    for names, gives in TOOLS.items():
        path, version = tool(names)
        shown = Text(safe(path)) if path else Text("not found", "note")
        rows.add_row(Text(names[0], "name"), shown, Text(safe(version) if path else gives, "note"))
    put(out, rows)


def _print_missing(out: Console, parts: list[Part], probes: dict[str, Probe]) -> None:
    """One command per extra that is not whole, and what it would give."""
    wanted = list(dict.fromkeys(p.extra for p in parts if p.state in ("missing", "broken")))
    rows = table("to get", "type")
    for extra in wanted:
        again = "--force-reinstall " if extra in probes else ""
        command = f"pip install {again}adaspec" if extra == "core" else f"pip install {again}'adaspec[{extra}]'"
        rows.add_row(Text(GIVES[extra]), Text(command, "link"))
    out.print()
    if wanted:
        put(out, rows)
    else:
        out.print(Text("Nothing is missing.", "ok"))


def _facts(parts: list[Part], probes: dict[str, Probe]) -> dict[str, Any]:
    from .. import __version__

    return {
        "python": platform.python_version(),
        "adaspec": __version__,
        "parts": [asdict(p) for p in parts],
        "frameworks": {extra: asdict(p) for extra, p in probes.items()},
        "compilers": {names[0]: dict(zip(("path", "version"), tool(names), strict=True)) for names in TOOLS},
    }
