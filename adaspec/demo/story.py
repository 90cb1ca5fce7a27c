"""The parts of the demo, in the order in which they are told."""

from __future__ import annotations

import os
import shutil
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from rich.text import Text

from .. import library
from ..build import NEEDS, TARGETS
from ..cli.checking import summary
from ..cli.exporting import emitted, place
from ..cli.files import write_text
from ..cli.quiet import present, works
from ..cli.terminal import code, console, diagnosis, progress, put, safe, table, versions
from ..cli.verifying import measured, print_missing, results_table, runs
from ..spec import Spec
from . import digits, newcomer, picture, race, regression
from .race import Effort, Entry

AGREEMENT = 1e-9
"""How far two frameworks may be apart in float64; what they are apart is near 1e-15."""

DTYPES = ("float64", "float32")
EARLY = 100  # steps: long enough for any mistake to show, too short for the training to multiply rounding


class Story:
    """One telling: where it goes, what is there to run on, and what has been found so far."""

    def __init__(self, folder: Path, quick: bool, targets: list[str] | None = None) -> None:
        self.out = console()
        self.folder = folder
        self.quick = quick
        self.targets = [t for t in TARGETS if targets is None or t in targets]
        self.agrees = True
        self.lab = all(find_spec(module) for module in ("sklearn", "matplotlib"))
        self.begin = time.perf_counter()

    def tell(self) -> int:
        self.regression()
        spec = self.newcomer()
        entries = self.digits(spec) if self.lab else []
        self.agreement(spec)
        self.end(entries)
        return 1 if not self.agrees else 0 if self.lab else 2

    def heading(self, number: int, text: str) -> None:
        self.out.print()
        self.out.print(Text.assemble((f"{number}  ", "link"), (text, "title")))
        self.out.print()

    def say(self, text: str, style: str = "") -> None:
        self.out.print(Text(text, style))

    # 1

    def regression(self) -> None:
        self.heading(1, "One rule, every framework")
        self.say(
            "y = 2 x₁ − 3.4 x₂ + 4.2, 1,000 noisy samples, three epochs of Adam, as adaspec generates it for each."
        )
        self.out.print()
        task = regression.problem(1 if self.quick else regression.EPOCHS)
        spec = library.load("adam")
        paths = []
        with progress(self.out) as bar:
            line = bar.add_task("", total=len(self.targets))
            for target in self.targets:
                bar.update(line, description=target)
                if present(target):
                    paths.append(regression.run(spec, target, task))
                bar.advance(line)
        numbers = ("w₁", "w₂", "b", "loss", "apart")
        rows = table("framework", *numbers, "verdict", right=numbers)
        rows.add_row(Text("the truth", "note"), *(Text(f"{v:.4f}", "note") for v in regression.TRUTH), "", "", "")
        first = next((p for p in paths if p.points is not None), None)
        for path in paths:
            if path.points is None or first is None:
                self.agrees = False
                rows.add_row(Text(path.target, "name"), *[""] * 5, Text(safe(path.problem), "bad"))
                continue
            apart = path.distance(first)
            found = [f"{v:.4f}" for v in path.points[-1]] + [f"{regression.loss(path.points[-1], task):.2e}"]
            verdict = self.verdict(apart) if path is not first else Text("the measure", "note")
            rows.add_row(Text(path.target, "name"), *found, f"{apart:.1e}" if path is not first else "", verdict)
        put(self.out, rows)
        print_missing(self.out, (t for t in self.targets if not present(t)))
        self.say("apart: the largest difference of any parameter, at any step, from the first framework", "note")

    def verdict(self, apart: float) -> Text:
        good = apart <= AGREEMENT
        self.agrees &= good
        return Text("same", "ok") if good else Text("differs", "bad")

    # 2

    def newcomer(self) -> Spec:
        self.heading(2, "A new optimizer, written now")
        self.say("AdaX's long memory, and a step only where momentum and gradient agree. The first draft has a slip:")
        self.out.print()
        self.out.print(diagnosis(str(newcomer.slip()), "bad"), soft_wrap=True)
        self.out.print()
        self.say("Mended, it is the whole rule:")
        self.out.print()
        code(self.out, newcomer.TEXT)
        path = self.folder / f"{newcomer.NAME}.py"
        write_text(path, newcomer.TEXT)
        spec = newcomer.written(str(path))
        self.out.print()
        self.out.print(Text.assemble("check: ", ("ok", "ok"), f", {summary(spec)}"), soft_wrap=True)
        texts = {target: emitted(spec, target) for target in TARGETS}
        for file, text in place(spec, texts, self.folder, spec.name, folder=True).items():
            self.out.print(
                Text.assemble("wrote  ", (safe(str(file)), "name"), (f"  {text.count(chr(10))} lines", "note"))
            )
        self.out.print()
        self.say("Its arithmetic as torch gets it; the other lines are what a torch.optim.Optimizer owes its users:")
        self.out.print()
        first, heart = newcomer.heart(texts["torch"])
        code(self.out, heart, first, numbers=True)
        return spec

    # 3

    def digits(self, newcomer: Spec) -> list[Entry]:
        effort = race.QUICK if self.quick else Effort()
        specs = race.specs(newcomer)
        self.heading(3, f"{picture.words(len(specs))} rules learn to read")
        self.say("A 64-32-10 network, its gradient by hand in NumPy, and scikit-learn's 1,797 handwritten digits.")
        self.say(
            f"Each rule gets the best of {len(effort.rates)} learning rates, then {len(effort.seeds)} new beginnings."
        )
        self.out.print()
        data = digits.load()
        torch = "torch" in self.targets and works("torch")
        with progress(self.out) as bar:
            line = bar.add_task("", total=effort.runs(len(specs)) + torch * len(specs))
            entries = race.race(specs, data, effort, lambda what: bar.update(line, description=what, advance=1))
            apart = {}
            for entry in entries if torch else ():
                bar.update(line, description=f"{entry.spec.name}, on torch", advance=1)
                curve = race.on_torch(entry, data, effort)
                apart[entry.spec.name] = [race.difference(curve, entry.curves[0], t) for t in (EARLY, float("inf"))]
        self._standings(entries, newcomer.name, apart)
        return entries

    def _standings(self, entries: list[Entry], newcomer: str, apart: dict[str, list[float]]) -> None:
        numbers = ("rate", "loss", "lowest", "highest", "accuracy", *(["torch"] if apart else []))
        rows = table("rule", *numbers, *(["verdict"] if apart else []), right=numbers)
        for entry in entries:
            losses = entry.final
            cells = [f"{entry.rate:g}", *(f"{v:.1e}" for v in (losses[len(losses) // 2], losses[0], losses[-1]))]
            cells.append(f"{100 * entry.accuracy:.1f} %")
            early = apart[entry.spec.name][0] if apart else 0.0
            compared = [f"{early:.0e}", self.verdict(early)] if apart else []
            style = "link" if entry.spec.name == newcomer else "name"
            rows.add_row(Text(entry.spec.name, style), *cells, *compared)
        put(self.out, rows)
        self.say("loss: of all training digits at the end, the median of the runs; accuracy: of test digits", "note")
        if apart:
            most = max(late for _, late in apart.values())
            self.say(
                f"torch: the first run again, with torch's autograd; the largest relative difference of the loss in "
                f"{EARLY} steps. To the end it grows to {most:.0e} at most: large steps multiply the rounding.",
                "note",
            )

    # 4

    def agreement(self, newcomer: Spec) -> None:
        self.heading(4, "The same everywhere, measured")
        self.say("Random parameters and gradients of many scales, against the float64 interpreter of the spec.")
        steps, there = (3 if self.quick else 20), [t for t in self.targets if present(t)]
        specs = newcomer, library.load("adax")
        with progress(self.out) as bar:
            line = bar.add_task("", total=len(specs) * runs(there, DTYPES))
            for spec in specs:
                report = measured(
                    spec, there, steps, DTYPES, lambda what: bar.update(line, description=what, advance=1)
                )
                self.agrees &= report.ok
                self.out.print()
                self.out.print(Text.assemble((spec.name, "title"), (f"  {steps} steps", "note")))
                put(self.out, results_table(report))
        self.say(versions(*(module for target in there for module in NEEDS[target])), "note")

    # The end

    def end(self, entries: list[Entry]) -> None:
        written = {"the rule and its code": f"{self.folder}{os.sep}"}
        if entries:
            effort = race.QUICK if self.quick else Effort()
            image, drawing = picture.draw(entries, newcomer.NAME, effort, self.folder)
            written |= {"the picture of the race": str(image), "the same, to be scaled": str(drawing)}
        self.out.print()
        for what, path in written.items():
            self.out.print(Text.assemble(what.ljust(25), (safe(path), "link")), soft_wrap=True)
        if not self.lab:
            self.say("Without digits and picture: they need the lab extra. pip install 'adaspec[lab]'", "warn")
        taken = time.perf_counter() - self.begin
        said = ("Everything agrees", "ok") if self.agrees else ("Something differs: see above", "bad")
        self.out.print(Text.assemble(said, f", after {taken:.0f} s."))
        self.out.print()
        self.say("Next:")
        rule = safe(str(self.folder / f"{newcomer.NAME}.py"))
        commands = {
            f"check {rule}": "change the rule, and see what the checker says",
            f"verify {rule}": "measure it at length on every framework",
            "list": "every rule of the library",
        }
        width = max(len(c) for c in commands) + len(_program()) + 3
        for command, why in commands.items():
            self.out.print(
                Text.assemble("  ", (f"{_program()} {command}".ljust(width), "link"), (why, "note")), soft_wrap=True
            )


def _program() -> str:
    """How the reader calls adaspec: by its name where the shell finds it, else as it stands beside this Python."""
    beside = Path(sys.executable).with_name("adaspec")
    if shutil.which("adaspec") or not beside.exists():
        return "adaspec" if shutil.which("adaspec") else "python -m adaspec"
    return os.path.relpath(beside)
