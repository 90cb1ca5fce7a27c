"""`adaspec export`: the code of one or more targets, printed or written. It needs no framework."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from rich.text import Text

from ..build import backend, export
from ..errors import SpecError
from ..frameworks import TEXTS
from ..spec import Spec
from .files import make_folder, write_text
from .finding import find
from .terminal import Fault, console, safe


def run(typed: str, targets: list[str], output: str | None) -> int:
    spec, _ = find(typed)
    texts = {target: emitted(spec, target) for target in targets}  # all of them before the first is written
    if output in (None, "-"):
        if len(texts) > 1:
            raise Fault("several targets need a folder to go to", "-o DIR")
        print_code(*texts.values())
        return 0
    if output == "":
        raise Fault("an empty name for the output", "-o FILE or -o DIR")
    assert output is not None
    files = place(
        spec, texts, Path(output), _stem(typed, spec), folder=len(texts) > 1 or output.endswith(("/", os.sep))
    )
    out = console()
    for path, text in files.items():
        lines = text.count("\n")
        out.print(Text.assemble("wrote ", (safe(str(path)), "name"), (f"  {lines} lines", "note")), soft_wrap=True)
    return 0


def emitted(spec: Spec, target: str) -> str:
    """The code; what a target cannot say is a Fault that names it."""
    try:
        return export(spec, target)
    except SpecError:
        raise
    except (ValueError, NotImplementedError) as error:
        raise Fault(f"{spec.name} cannot be exported to {target}: {error}") from None


def place(spec: Spec, texts: dict[str, str], output: Path, stem: str, folder: bool) -> dict[Path, str]:
    """Write every target's text, into a file or as NAME_TARGET.py into a folder, which is made if need be.

    C comes with its header and a test program: NAME.c, NAME.h, NAME_test.c.
    """
    if "\0" in str(output):
        raise Fault("a NUL character in the name of the output")
    if folder or output.is_dir():
        make_folder(output)
        files = {output / f"{stem}_{target}.py": text for target, text in texts.items() if target not in TEXTS}
        for target in texts.keys() & TEXTS:
            files |= {output / name: text for name, text in backend(target).files(spec, stem).items()}
    else:
        if not output.parent.is_dir():
            raise Fault(f"no folder '{output.parent}'", "make it first, or end the name with / to have it made")
        files = dict.fromkeys((output,), *texts.values())
        for target in texts.keys() & TEXTS:  # the header and the test stand beside it
            beside = backend(target).files(spec, output.stem)
            files |= {output.parent / name: text for name, text in beside.items() if name != f"{output.stem}.c"}
    for path, text in files.items():
        write_text(path, text)
    return files


def print_code(text: str) -> None:
    """The very bytes that a file would get: piped into a file, they are the export."""
    binary = getattr(sys.stdout, "buffer", None)
    if binary is None or sys.stdout.isatty():
        sys.stdout.write(text)
        return
    sys.stdout.flush()
    binary.write(text.encode())
    binary.flush()


def _stem(typed: str, spec: Spec) -> str:
    """A file name without surprises: the rule's, or the dialect's with `_` for what no module name holds."""
    return re.sub(r"\W", "_", typed) if ":" in typed and "/" not in typed and "\\" not in typed else spec.name
