"""The command line: `adaspec list | show | diff | check | export | verify | bench | convert | demo | doctor`.

`main` is the one door. Whatever a user typed ends in an exit status and a message, never in a traceback: 0 as asked,
1 the check found a difference or a failure, 2 bad usage, a bad spec or a missing framework; 130 after Ctrl-C, 141 when
the reader of the output has gone.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from .parser import parser

FAILED, BAD, INTERRUPTED, NO_READER = 1, 2, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; `argv` is without the program's name."""
    _never_refuse_a_character()
    try:
        status = _run(sys.argv[1:] if argv is None else list(argv))
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        _drop_output()
        return NO_READER
    except KeyboardInterrupt:
        from .terminal import complain

        complain("interrupted")
        return INTERRUPTED


def _run(argv: list[str]) -> int:
    try:
        options = parser().parse_args(argv)
        return options.run(options)
    except SystemExit as stop:  # argparse: 0 after --help and --version, 2 after bad usage
        return int(stop.code or 0)
    except BrokenPipeError:
        raise
    except Exception as error:
        _tell(error)
        return BAD


def _tell(error: Exception) -> None:
    """What went wrong, on the standard error. What colours it is imported for that alone."""
    from ..errors import MissingFramework, SpecError
    from .terminal import Fault, complain, explain

    match error:
        case SpecError():
            explain(error)
        case Fault():
            complain(str(error), error.hint)
        case MissingFramework():
            complain(str(error))
        case _:
            # What the user typed is refused above; this is a fault of adaspec or of a framework. Its one line is for
            # everyone, its traceback for whoever asks.
            if os.environ.get("ADASPEC_TRACEBACK"):
                raise error
            remedy = "a fault of adaspec: ADASPEC_TRACEBACK=1 shows where, please report it"
            complain(f"{type(error).__name__}: {error}", remedy)


def _never_refuse_a_character() -> None:
    """A stream that cannot spell a character shows its code instead of raising."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """Send what is still buffered nowhere: else the interpreter complains when it flushes at exit."""
    if sys.stdout is sys.__stdout__:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
