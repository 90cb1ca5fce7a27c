"""`make bench`, or `python -m benchmarks`: README.md in this folder says what is measured and how to read it."""

from __future__ import annotations

import argparse
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.text import Text

from adaspec.bench import startup, suite
from adaspec.bench.workloads import QUICK, WORKLOADS
from adaspec.build import TARGETS
from adaspec.cli import INTERRUPTED, NO_READER, _drop_output
from adaspec.cli.files import make_folder, write_text
from adaspec.cli.quiet import present
from adaspec.cli.terminal import Fault, complain, console, progress

from .rules import RULES
from .tables import show

OUT = Path("benchmarks") / "results"


def main(argv: list[str] | None = None) -> int:
    options = arguments().parse_args(argv)
    try:
        return run(options, suite.load(options.against) if options.against else None)
    except Fault as error:
        complain(str(error), error.hint)
        return 2
    except BrokenPipeError:
        _drop_output()
        return NO_READER


def arguments() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        "make bench", description="Every framework beside its peers and the machine's limit."
    )
    for name, known in (("target", list(TARGETS)), ("rule", list(RULES)), ("workload", list(WORKLOADS))):
        made.add_argument(
            f"--{name}", metavar="LIST", type=_words(known), default=known, help=f"of {','.join(known)}; default: all"
        )
    made.add_argument("--threads", metavar="LIST", type=_numbers, default=[1, 2], help="default: 1,2")
    made.add_argument("--rounds", type=int, default=7, help="timed rounds at least (default: 7)")
    made.add_argument("--seconds", type=float, default=2.0, help="and more of them for so long (default: 2)")
    made.add_argument("--quick", action="store_true", help="small and short: to see that it works, not how fast")
    made.add_argument("--against", metavar="FILE", type=Path, help="the JSON of an earlier run, to compare with")
    made.add_argument("--out", metavar="DIR", type=Path, default=OUT, help=f"where to write (default: {OUT})")
    made.add_argument("--name", default="bench", help="of the files there: NAME.json and NAME.png (default: bench)")
    made.add_argument("--every", action="store_true", help="a table of all contenders, not of the best peer alone")
    made.add_argument("--no-compile", action="store_true", help="without torch.compile, which takes most of the time")
    return made


def plan(options: argparse.Namespace) -> list[dict[str, Any]]:
    """The contests that were asked for, those of one process beside each other."""
    shapes = QUICK if options.quick else WORKLOADS
    return [
        {
            "target": target, "threads": threads, "workload": workload, "rule": name, "spec": RULES[name].on(target),
            "shapes": shapes[workload], "peers": RULES[name].peers.get(target, []), "loop": RULES[name].loop,
            "compile": not (options.quick or options.no_compile), "extra": RULES[name].extra.get(target, []),
        }
        for target in options.target
        if present(target)
        for threads in options.threads
        for workload in options.workload
        for name in options.rule
        if not RULES[name].workloads or workload in RULES[name].workloads
    ]  # fmt: skip


def run(options: argparse.Namespace, before: dict[str, Any] | None) -> int:
    """Measure, write, show. 1 where a contest broke down, 130 where the run was stopped, else 0."""
    out = console()
    asked = plan(options)
    budget = {"rounds": 2, "seconds": 0.0} if options.quick else {"rounds": options.rounds, "seconds": options.seconds}
    found: list[dict[str, Any]] = []
    begun: list[dict[str, Any]] = []
    written = options.out / f"{options.name}.json"
    make_folder(options.out)
    stopped = False
    with progress(out if out.is_terminal else console(stderr=True)) as bar:
        task = bar.add_task("", total=len(asked))
        try:
            for target in (t for t in startup.NEEDS if t in options.target and present(t)):
                bar.update(task, description=f"{target}, from import to the first step")
                begun.append(startup.startup(target, times=1 if options.quick else 5))
            for contest in suite.run(asked, budget, lambda what: bar.update(task, description=what)):
                found.append(contest)
                bar.advance(task)
                keep(written, found, options.quick, begun)  # a run takes long, and may be stopped
        except KeyboardInterrupt:
            stopped = True
    record = keep(written, found, options.quick, begun)
    show(out, record, before, options.every)
    files = [written, *pictures(record, options.out, options.name)]
    out.print(Text.assemble("\nwritten: ", (", ".join(map(str, files)), "link")), soft_wrap=True)
    for target in (t for t in options.target if not present(t)):
        out.print(Text(f"not measured: {target} is not installed", "note"))
    if stopped:
        out.print(Text("interrupted: this is what was measured by then", "warn"))
        return INTERRUPTED
    return 1 if any("error" in contest for contest in found) else 0


def keep(path: Path, found: list[dict[str, Any]], quick: bool, begun: list[dict[str, Any]]) -> dict[str, Any]:
    """The record of what was measured up to now, written to its file."""
    record = suite.record(found, quick=quick, startup=begun)
    write_text(path, json.dumps(record, indent=1) + "\n")
    return record


def pictures(record: dict[str, Any], folder: Path, name: str) -> list[Path]:
    """The files of the pictures: one for each number of threads; none where matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        return []
    from .picture import draw

    counts = sorted({c["threads"] for c in record["contests"]})
    paths = {n: folder / (f"{name}.png" if n == counts[0] else f"{name}_{n}_threads.png") for n in counts}
    return [path for n, path in paths.items() if draw(record, n, path)]


def _words(known: list[str]) -> Any:
    def read(text: str) -> list[str]:
        words = [word for word in text.split(",") if word]
        if not words or not set(words) <= set(known):
            raise argparse.ArgumentTypeError(f"{text!r}: known here are {', '.join(known)}")
        return [word for word in known if word in words]

    return read


def _numbers(text: str) -> list[int]:
    if not all(word.isdecimal() and int(word) for word in text.split(",")):
        raise argparse.ArgumentTypeError(f"{text!r} are no numbers of threads, such as 1,2")
    return sorted({int(word) for word in text.split(",")})


if __name__ == "__main__":
    sys.exit(main())
