"""Writing files that are whole or untouched: a crash at any moment leaves what was there before."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path


def write_bytes(path: Path, data: bytes) -> None:
    """Put `data` at `path` in one stroke: a temporary file beside it, fsync, then a rename over it.

    A link is replaced, never followed, so that output stays in the folder that was named. Raises OSError.
    """
    mode = _mode(path)
    if mode is not None and stat.S_ISDIR(mode):
        raise IsADirectoryError(f"'{path}' is a folder")
    if mode is not None and not stat.S_ISREG(mode):
        path.write_bytes(data)  # a device or a pipe: nothing there to keep whole, and never to be replaced
        return
    _replace(path, data, mode)


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


def _replace(path: Path, data: bytes, mode: int | None) -> None:
    temporary = path.parent / f".adaspec-{secrets.token_hex(6)}.tmp"
    try:
        # Created here and now or not at all (O_EXCL), with the permissions that any new file gets.
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(temporary, stat.S_IMODE(mode))
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _keep_name(path.parent)


def _keep_name(folder: Path) -> None:
    """Ask the disk to keep the rename too; not every system lets a folder be opened."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
