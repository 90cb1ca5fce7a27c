"""From C to a loaded library: compiled once, kept in a folder of the user's, checked before it is loaded again.

A file is named by a digest over everything that decides what is in it: the text, the options, the compiler and the
processor, so that an object of another machine in a shared home is never even opened. Behind its last byte stands a
digest of the file, so that half of a file is not loaded. It is written under another name first: two processes that
build at once both build, and either result serves both.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

OPTIONS = (
    "-std=c99", "-O3", "-march=native", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-fopenmp-simd",
    "-fPIC", "-shared",
)  # fmt: skip
"""No option lets a compiler change a result: a sum of products is not fused, and nothing is assumed finite."""
WITH_VECTORS = (["-DLIBMVEC", "-Wl,--no-undefined", "-lmvec", "-lm"], ["-lm"])
"""glibc's library of vector functions where it has all that are needed: exact to some ulp, several times as fast."""
PATIENCE = 120
"""Seconds that a compiler may take."""


class NoKernel(Exception):
    """No kernel can be had here; the message says why, and what to do."""


def folder() -> Path:
    """Where compiled kernels are kept: $ADASPEC_CACHE, else a folder of the platform for caches."""
    if given := os.environ.get("ADASPEC_CACHE"):
        return Path(given)
    if given := os.environ.get("XDG_CACHE_HOME"):
        return Path(given) / "adaspec"
    try:
        home = Path.home()
    except RuntimeError:
        return private("there is no home folder to keep kernels in")
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "adaspec"


def trusted(place: Path) -> bool:
    """Whether only those put files there whom the user trusts: what is loaded from there runs.

    These are the user and root, and for a folder that $ADASPEC_CACHE names, its owner and group.
    """
    try:
        stat = place.stat()
    except OSError:
        return True  # it is made then, for this user alone
    named = "ADASPEC_CACHE" in os.environ
    return not stat.st_mode & (0o002 if named else 0o022) and (named or stat.st_uid in (0, os.geteuid()))


def library(name: str, text: str, *options: str) -> ctypes.CDLL:
    """The compiled and loaded text. Raises NoKernel where that fails."""
    if ctypes.sizeof(ctypes.c_void_p) != 8 or os.name != "posix":
        raise NoKernel("kernels need a 64-bit POSIX system")
    compiler, *how = command()
    how += [*OPTIONS, *options]
    made_by = "\n".join([*how, identity(compiler), processor(), text])
    key = hashlib.sha256(made_by.encode()).hexdigest()
    place = folder()
    if not trusted(place):
        place = private(f"others may write into the cache folder {place}")
    path = place / f"{name}-{key[:32]}.so"
    try:
        if not whole(path, key):
            path = build(path, key, text, [compiler, *how])
        return ctypes.CDLL(str(path))
    except OSError as error:
        what = f"the compiled kernel {path} cannot be kept or loaded ({error})"
        raise NoKernel(f"{what}: set ADASPEC_CACHE to a folder for programs") from None


def command() -> list[str]:
    """The C compiler: $CC with its options, else the first of cc, gcc and clang."""
    given = os.environ.get("CC", "").split()
    for name in given[:1] or ("cc", "gcc", "clang"):
        if found := shutil.which(name):
            return [found, *given[1:]]
    what = f"$CC is {given[0]!r}, which is no program" if given else "there is no C compiler (cc, gcc or clang)"
    raise NoKernel(f"{what}: install one, or set CC")


@functools.cache
def identity(compiler: str) -> str:
    """A compiler by its file, which is replaced with every version."""
    real = os.path.realpath(compiler)
    stat = os.stat(real)
    return f"{real} {stat.st_size} {stat.st_mtime_ns}"


@functools.cache
def processor() -> str:
    """What this processor can do, which decides what `-march=native` may use."""
    known = [platform.system(), platform.machine(), platform.processor()]
    try:
        with open("/proc/cpuinfo") as file:
            lines = file.read().partition("\n\n")[0].split("\n")
        wanted = ("vendor_id", "cpu family", "model\t", "model name", "stepping", "flags", "Features", "CPU part")
        known += [line for line in lines if line.startswith(wanted)]
    except OSError:
        known.append(platform.node())
    return "\n".join(known)


def digest(body: bytes, key: str) -> bytes:
    return hashlib.sha256(key.encode() + body).digest()


def whole(path: Path, key: str) -> bool:
    """Whether the file is there, and just what was written."""
    try:
        body = path.read_bytes()
    except OSError:
        return False
    return digest(body[:-32], key) == body[-32:]


def build(path: Path, key: str, text: str, how: list[str]) -> Path:
    """Compile into the cache; where it cannot be written, into a folder of this process. Raises OSError too."""
    import tempfile  # a kernel that is in the cache needs none

    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = tempfile.TemporaryDirectory(dir=path.parent, prefix="build-", ignore_cleanup_errors=True)
    except OSError:
        path = private(f"the cache folder {path.parent} cannot be written") / path.name
        place = tempfile.TemporaryDirectory(prefix="adaspec-", ignore_cleanup_errors=True)
    with place as here:
        made = compiled(Path(here), text, how)
        with open(made, "ab") as file:
            file.write(digest(made.read_bytes(), key))
        os.replace(made, path)
    return path


def compiled(here: Path, text: str, how: list[str]) -> Path:
    """What the compiler makes of the text, in that folder."""
    source, made = here / "kernel.c", here / "kernel.so"
    source.write_text(text, encoding="utf-8")
    for more in WITH_VECTORS if "LIBMVEC" in text else WITH_VECTORS[1:]:
        command = [*how, "-o", str(made), str(source), *more]
        try:
            done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NoKernel(f"the C compiler {how[0]} did not run ({error})") from None
        if not done.returncode:
            return made
    said = done.stderr.decode(errors="replace").strip().split("\n")
    about = next((line for line in said if "error" in line), said[0])[:200] or f"exit status {done.returncode}"
    raise NoKernel(f"the C compiler {how[0]} failed: {about}")


@functools.cache
def private(why: str) -> Path:
    """A folder that goes with this process, for where there is no cache; one warning says why."""
    import atexit
    import tempfile
    import warnings

    try:
        where = tempfile.mkdtemp(prefix="adaspec-kernels-")
    except OSError as error:
        raise NoKernel(f"{why}, and there is no folder for temporary files ({error}): set ADASPEC_CACHE") from None
    atexit.register(shutil.rmtree, where, ignore_errors=True)
    what = f"{why}: kernels are compiled anew in every process"
    warnings.warn(f"{what}; set ADASPEC_CACHE to a folder that only you can write", RuntimeWarning, stacklevel=2)
    return Path(where)
