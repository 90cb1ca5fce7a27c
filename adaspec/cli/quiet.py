"""Frameworks without their chatter: what they tell the standard error while they start is no answer to a command."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from importlib.util import find_spec

from ..frameworks import NEEDS

SETTINGS = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "KERAS_BACKEND": "tensorflow",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # several frameworks share one device here
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
}


def start(targets: Iterable[str]) -> None:
    """Import the frameworks of these targets and find their devices, in silence.

    One that is missing or broken is left alone: it is whoever uses it that says so. What the user has set stays set.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    for target in targets:
        with _silence(), warnings.catch_warnings(), contextlib.suppress(Exception):
            warnings.simplefilter("ignore")
            for module in NEEDS.get(target, ()):
                importlib.import_module(module)
            if target == "tensorflow":
                importlib.import_module("tensorflow").config.list_physical_devices()
            elif target == "jax":
                importlib.import_module("jax").devices()
            elif target == "torch":
                # Its compiler tells of what it leaves out of a graph; importing it sets these levels.
                importlib.import_module("torch._dynamo")
                for logger in ("torch", "torch._dynamo"):
                    logging.getLogger(logger).setLevel(logging.ERROR)


def present(target: str) -> bool:
    """Whether the framework of a target is installed; imports nothing."""
    return all(find_spec(module) is not None for module in NEEDS.get(target, ()))


def works(target: str) -> bool:
    """Whether the framework of a target can be imported: one that is installed may still be broken."""
    try:
        return all(importlib.import_module(module) for module in NEEDS.get(target, ()))
    except Exception:
        return False


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Send file descriptor 2 nowhere: native libraries know nothing of `sys.stderr`."""
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # a process without a standard error
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
