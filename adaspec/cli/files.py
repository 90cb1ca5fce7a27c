"""Files and folders that a command writes; what the system refuses becomes a Fault."""

from __future__ import annotations

from pathlib import Path

from ..wholefile import write_bytes
from .terminal import Fault


def write_text(path: Path, text: str) -> None:
    """Put `text` at `path` in one stroke (`adaspec.wholefile`). Raises Fault."""
    try:
        write_bytes(path, text.encode())
    except IsADirectoryError:
        raise Fault(f"'{path}' is a folder") from None
    except OSError as error:
        raise Fault(f"cannot write '{path}': {error.strerror or error}") from None


def make_folder(path: Path) -> None:
    """The folder with its parents. Raises Fault."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Fault(f"cannot make the folder '{path}': {error.strerror or error}") from None
