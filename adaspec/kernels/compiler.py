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
WITH_VECTORS = (["-DLIBMVEC", "-lmvec", "-lm"], ["-lm"])
"""glibc's library of vector functions where there is one: exact to some ulp, and several times as fast."""
PATIENCE = 120
"""Seconds that a compiler may take."""


class NoKernel(Exception):
    """No kernel can be had here; the message says why, and what to do."""


def folder() -> Path:
    """Where compiled kernels are kept: $ADASPEC_CACHE, else a folder of the platform for caches."""
    if given := os.environ.get("ADASPEC_CACHE"):
        return Path(given)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "adaspec"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "adaspec"


def library(name: str, text: str, *options: str) -> ctypes.CDLL:
    """The compiled and loaded text. Raises NoKernel where that fails."""
    if ctypes.sizeof(ctypes.c_void_p) != 8 or os.name != "posix":
        raise NoKernel("kernels need a 64-bit POSIX system")
    compiler, *how = command()
    how += [*OPTIONS, *options]
    made_by = "\n".join([*how, identity(compiler), processor(), text])
    key = hashlib.sha256(made_by.encode()).hexdigest()
    path = folder() / f"{name}-{key[:32]}.so"
    if not whole(path, key):
        path = build(path, key, text, [compiler, *how])
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise NoKernel(f"the compiled kernel {path} cannot be loaded ({error})") from None


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
    """Compile into the cache; where it cannot be written, into a folder of this process."""
    import tempfile  # a kernel that is in the cache needs none

    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = tempfile.TemporaryDirectory(dir=path.parent, prefix="build-")
    except OSError:
        path = private() / path.name
        place = tempfile.TemporaryDirectory(prefix="adaspec-")
    with place as here:
        source, made = Path(here) / "kernel.c", Path(here) / "kernel.so"
        source.write_text(text)
        for more in WITH_VECTORS if "LIBMVEC" in text else WITH_VECTORS[1:]:
            command = [*how, "-o", str(made), str(source), *more]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
            except (OSError, subprocess.TimeoutExpired) as error:
                raise NoKernel(f"the C compiler {how[0]} did not run ({error})") from None
            if not done.returncode:
                break
        else:
            said = done.stderr.strip().split("\n")
            raise NoKernel(f"the C compiler {how[0]} failed: {said[0][:200] or f'exit status {done.returncode}'}")
        try:
            with open(made, "ab") as file:
                file.write(digest(made.read_bytes(), key))
            os.replace(made, path)
        except OSError as error:
            raise NoKernel(f"the compiled kernel cannot be kept ({error})") from None
    return path


@functools.cache
def private() -> Path:
    """A folder that goes with this process, for where the cache cannot be written."""
    import atexit
    import tempfile
    import warnings

    where = tempfile.mkdtemp(prefix="adaspec-kernels-")
    atexit.register(shutil.rmtree, where, ignore_errors=True)
    what = f"the cache folder {folder()} cannot be written: kernels are compiled anew in every process"
    warnings.warn(f"{what}; set ADASPEC_CACHE to a folder that can", RuntimeWarning, stacklevel=2)
    return Path(where)
