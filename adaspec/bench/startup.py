"""How long it takes from a new process to the first step: what `import` costs, what building, and what the step."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from typing import Any

from .driver import environment

PROBE = """
import json, sys, time
now = time.perf_counter
a = now()
import numpy as np
for module in sys.argv[2:]:
    __import__(module)
b = now()
import adaspec
c = now()
made = adaspec.build(sys.argv[1], "TARGET")
d = now()
FIRST
e = now()
print(json.dumps({"framework_ms": 1e3*(b-a), "import_ms": 1e3*(c-b), "build_ms": 1e3*(d-c), "first_ms": 1e3*(e-f)}))
"""

SHAPES = "[(784, 112), (112,), (112, 96), (96,), (96, 10), (10,)]"
FIRST = {
    "numpy": """
params = [np.ones(s, np.float32) for s in SHAPES]
grads = [np.ones(s, np.float32) for s in SHAPES]
f = now()
opt = made()
opt.step(params, grads, opt.init(params))
""",
    "torch": """
import torch
params = [torch.nn.Parameter(torch.ones(s)) for s in SHAPES]
for p in params:
    p.grad = torch.ones_like(p)
f = now()
made(params).step()
""",
}
NEEDS = {"numpy": [], "torch": ["torch"]}


def startup(target: str, rule: str = "adam", times: int = 5) -> dict[str, Any]:
    """Medians over so many processes, after one that is not counted; `error` where it fails. For numpy and torch."""
    text = PROBE.replace("TARGET", target).replace("FIRST\n", FIRST[target]).replace("SHAPES", SHAPES)
    found: list[dict[str, float]] = []
    for _ in range(times + 1):
        done = subprocess.run(
            [sys.executable, "-c", text, rule, *NEEDS[target]], env=environment(1), capture_output=True, text=True
        )
        if done.returncode:
            return {"target": target, "rule": rule, "error": (done.stderr.strip().splitlines() or [""])[-1]}
        found.append(json.loads(done.stdout.splitlines()[-1]))
    middle = {name: statistics.median(one[name] for one in found[1:]) for name in found[0]}
    return {"target": target, "rule": rule, **middle}
