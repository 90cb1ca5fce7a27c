"""Contests in processes of their own: one for a framework, a number of threads and a workload, and one at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..cli.quiet import SETTINGS

Told = Callable[[str], None]
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def contests(
    target: str, threads: int, asked: list[dict[str, Any]], budget: dict[str, Any], told: Told
) -> Iterator[dict[str, Any]]:
    """The result of each contest in its order: `rows`, or the `error` that there was instead.

    A contest that takes its process down is an error of its own, and the others go on in a new one; where none can even
    begin, as in a framework that does not start, that is the error of all.
    """
    at = 0
    while at < len(asked):
        job = {"target": target, "threads": threads, "budget": budget, "contests": asked[at:]}
        begun, any_begun = at, False
        with tempfile.TemporaryFile() as said:
            for event in _events(job, said):
                if "begins" in event:
                    begun, any_begun = at + event["begins"], True
                    told(asked[begun]["label"])
                elif "now" in event:
                    told(f"{asked[begun]['label']}: {event['now']}")
                elif "result" in event:
                    yield {k: v for k, v in event.items() if k != "result"}
                    begun += 1
            if begun == len(asked):
                return
            said.seek(0)
            lines = [line for line in said.read().decode(errors="replace").splitlines() if line.strip()]
        error = {"error": lines[-1][:300] if lines else "the process ended without a word"}
        if not any_begun:
            yield from [error] * (len(asked) - at)
            return
        yield error
        at = begun + 1


def _events(job: dict[str, Any], said: Any) -> Iterator[dict[str, Any]]:
    # Its processors are chosen before anything is imported that counts them.
    begin = f"import os; {_placed(job['threads'])}; from {__package__}.worker import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", begin], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said,
        env=environment(job["threads"]), text=True, encoding="utf-8",
    ) as worker:  # fmt: skip
        assert worker.stdin is not None and worker.stdout is not None
        try:
            with worker.stdin as stdin:
                json.dump(job, stdin)
            for line in worker.stdout:
                yield json.loads(line)
        finally:
            if worker.poll() is None:
                worker.terminate()


def environment(threads: int) -> dict[str, str]:
    """That of a process with so many threads and no accelerator, which finds this adaspec."""
    home = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH", ""))))
    return (
        SETTINGS
        | dict(os.environ)
        | dict.fromkeys(THREADS, str(threads))
        | {"PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}
    )


def _placed(threads: int) -> str:
    """The statement that puts a process on so many processors, each of a core of its own where there are as many."""
    if not hasattr(os, "sched_setaffinity"):
        return "pass"
    free = sorted(os.sched_getaffinity(0))
    cores: dict[str, int] = {}
    for cpu in free:
        try:
            core = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text(encoding="ascii")
        except OSError:
            core = str(cpu)
        cores.setdefault(core, cpu)
    chosen = list(cores.values()) if len(cores) >= threads else free
    return f"os.sched_setaffinity(0, {set(chosen[:threads])})"
