"""What may be typed: every command with its arguments and its help. A mistyped word gets the nearest known one."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from ..constructs import CONSTRUCTS
from ..errors import suggest
from ..frameworks import TARGETS, TEXTS, targets

ABOUT = "An optimizer compiler: write an update rule once, get the native optimizer of NumPy, torch, JAX and Keras."
DTYPES = ["float64", "float32"]
STATUS = "exit status: 0 as asked; 1 a check found a difference; 2 bad usage, a bad spec or a missing framework"
SPEC = "a library name (adax), a dialect (adam:keras), a composition ('clip + lamb', 'lookahead(radam)'), a spec file "
SPEC += "(my_rule.py), or - for the standard input"


class Parser(argparse.ArgumentParser):
    """argparse with suggestions and without a page of usage before every complaint."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n  see '{self.prog} --help'\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            known = [str(c) for c in action.choices]
            raise argparse.ArgumentError(None, f"unknown command {str(value)!r}: {suggest(str(value), known)}")

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:
        options, extra = self.parse_known_args(args, namespace)
        if extra:
            from difflib import get_close_matches

            command: Parser = getattr(options, "parser", self)
            word = next((w for w in extra if w.startswith("-")), extra[0])
            close = get_close_matches(word.partition("=")[0], command._option_string_actions, n=1)
            command.error(f"unknown argument {word!r}" + (f": did you mean '{close[0]}'?" if close else ""))
        return options


def parser() -> Parser:
    from .. import __version__

    top = Parser("adaspec", description=ABOUT, epilog=STATUS, allow_abbrev=False)
    top.add_argument("--version", action="version", version=f"adaspec {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)

    def command(name: str, about: str, run: Callable[[argparse.Namespace], int], more: str = "") -> Parser:
        made = commands.add_parser(
            name,
            help=about,
            description=f"{about[0].upper()}{about[1:]}. {more}".rstrip(),
            epilog=STATUS,
            allow_abbrev=False,
        )
        made.set_defaults(run=run, parser=made)
        return made

    made = command(
        "list", "the rules and dialects of the library, and what they are proven equal to", _list,
        "Constructs: " + "; ".join(f"{word}: {about}" for word, (about, _) in CONSTRUCTS.items()) + ".",
    )  # fmt: skip
    made.add_argument(
        "--construct", metavar="WORDS", type=_words(lambda: list(CONSTRUCTS)), default=[],
        help="those that use all of these, with commas between",
    )  # fmt: skip
    made.add_argument("--family", metavar="NAME", help="one family and its dialects, such as adam")
    made.add_argument("--target", metavar="TARGET", choices=list(TARGETS), help="those that this target can have")
    made.add_argument("--json", action="store_true", help="as JSON")

    made = command("show", "one spec: its text, hyperparameters, slots, schedules, views and hash", _show)
    made.add_argument("name", metavar="NAME", help=SPEC)
    form = made.add_mutually_exclusive_group()
    form.add_argument("--latex", action="store_true", help="its equations as LaTeX")
    form.add_argument("--json", action="store_true", help="as JSON")

    made = command("diff", "where two rules or dialects part: hyperparameters and equations side by side", _diff)
    made.add_argument("left", metavar="A", help=SPEC)
    made.add_argument("right", metavar="B", help="likewise")
    made.add_argument("--json", action="store_true", help="as JSON")

    made = command("check", "whether spec files are right, and what is wrong where", _check)
    made.add_argument("files", metavar="FILE", nargs="+", help=SPEC)

    made = command(
        "export", "write the native optimizer", _export, "The code stands alone; no framework is needed to write it."
    )
    made.add_argument("name", metavar="NAME-or-FILE", help=SPEC)
    made.add_argument(
        "--to", metavar="TARGET", required=True, type=_words(targets, every=True),
        help=f"{', '.join([*TARGETS, *TEXTS])}; several with commas, or all of Python's",
    )  # fmt: skip
    made.add_argument(
        "-o",
        "--output",
        metavar="FILE-or-DIR",
        help="where to write: a folder gets NAME_TARGET.py (c: NAME.c, NAME.h, NAME_test.c); default: print the code",
    )

    made = command(
        "verify", "measure how far the targets are from the float64 interpreter", _verify,
        "Random parameters and gradients of many scales, eager and compiled, float64 and float32.",
    )  # fmt: skip
    made.add_argument("names", metavar="NAME-or-FILE", nargs="+", help=f"{SPEC}; all for every rule of the library")
    made.add_argument(
        "--targets", metavar="LIST", type=_words(lambda: list(TARGETS)),
        help=f"of {','.join(TARGETS)}; default: all that are installed",
    )  # fmt: skip
    made.add_argument("--steps", metavar="N", type=_steps, default=100, help="updates per run (default: 100)")
    made.add_argument(
        "--dtypes", metavar="LIST", type=_words(lambda: DTYPES), help=f"of {','.join(DTYPES)}; default: all"
    )
    made.add_argument("--json", action="store_true", help="as JSON")

    made = command(
        "bench", "measure how fast a step is in every framework, beside this machine's limit and the peers", _bench,
        "The limit is a C loop that streams the step's own bytes through memory; the peers are the naive NumPy "
        "expressions and the installed originals that the library knows. Takes minutes.",
    )  # fmt: skip
    made.add_argument("name", metavar="NAME-or-FILE", help=SPEC)
    made.add_argument(
        "--targets", metavar="LIST", type=_words(lambda: list(TARGETS)),
        help=f"of {','.join(TARGETS)}; default: all that are installed",
    )  # fmt: skip
    made.add_argument(
        "--workloads", metavar="LIST", type=_words(_workloads),
        help=f"of {','.join(_workloads())}; default: resnet50,mlp,tiny",
    )  # fmt: skip
    made.add_argument("--threads", metavar="LIST", type=_threads, default=[1], help="such as 1,2; default: 1")
    made.add_argument("--quick", action="store_true", help="small and short: to see that it works, not how fast")
    made.add_argument("--against", metavar="FILE", help="such a file of an earlier run, to compare with")
    made.add_argument("--json", metavar="FILE", dest="output", help="write every number there")

    made = command(
        "convert", "carry an optimizer's state from one framework's checkpoint to another framework", _convert,
        "Sources: a torch checkpoint (.pt), a .keras model, a file of adaspec.save_state; of generated optimizers "
        "and of the frameworks' own.",
    )  # fmt: skip
    made.add_argument("source", metavar="FILE", help="what to read")
    made.add_argument("--from", dest="origin", metavar="TARGET", choices=list(TARGETS), help="what wrote it; checked")
    made.add_argument(
        "--to", metavar="TARGET", required=True, choices=list(TARGETS),
        help=f"{', '.join(TARGETS)}: torch gets a state dict (.pt), the others a file for adaspec.load_state",
    )  # fmt: skip
    made.add_argument("-o", "--output", metavar="FILE", help="default: FILE_TARGET beside the source")
    made.add_argument(
        "--spec", metavar="NAME-or-FILE", help="the rule, where the file does not tell; adamw:torch for torch's AdamW"
    )
    made.add_argument(
        "--names", metavar="FILE",
        help='JSON: what parameters are called now, {"0": "dense/kernel"}, or a list of all in their order; '
        '{"0": {"to": "dense/kernel", "transpose": [1, 0]}} turns their axes',
    )  # fmt: skip
    made.add_argument(
        "--params", metavar="FILE", help="a module's state dict (.pt, .safetensors): names and shapes in their order"
    )

    made = command(
        "demo", "the whole idea in two minutes, on real data", _demo,
        "Needs the lab extra; frameworks are used where they are installed.",
    )  # fmt: skip
    made.add_argument("--out", metavar="DIR", default="demo-output", help="where to write (default: demo-output)")
    made.add_argument(
        "--targets", metavar="LIST", type=_words(lambda: list(TARGETS)),
        help=f"of {','.join(TARGETS)}; default: all that are installed",
    )  # fmt: skip
    made.add_argument("--quick", action="store_true", help="short runs: to see that it works, not what it shows")

    made = command("doctor", "what is installed here, what is missing, and what that would give", _doctor)
    made.add_argument("--json", action="store_true", help="as JSON")
    return top


def _words(known: Callable[[], list[str]], every: bool = False) -> Callable[[str], list[str]]:
    """Words with commas between, each a known one; `all`, where that may be asked, for every one that Python runs."""

    def read(text: str) -> list[str]:
        if every and text == "all":
            return [word for word in known() if word not in TEXTS]
        words = list(dict.fromkeys(w.strip() for w in text.split(",") if w.strip()))
        for word in words:
            if word not in known():
                choice = [*known(), "all"] if every else known()
                raise argparse.ArgumentTypeError(f"unknown {word!r}: {suggest(word, choice)}")
        if not words:
            raise argparse.ArgumentTypeError(f"nothing named; known here: {', '.join(known())}")
        return words

    return read


def _steps(text: str) -> int:
    try:
        steps = int(text)
    except ValueError:
        steps = 0
    if not 1 <= steps <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of steps: an integer from 1 to 1000000")
    return steps


def _threads(text: str) -> list[int]:
    words = list(dict.fromkeys(w.strip() for w in text.split(",")))
    if not all(w.isdecimal() and 1 <= int(w) <= 1024 for w in words):
        raise argparse.ArgumentTypeError(f"{text!r} are no numbers of threads: integers from 1 to 1024, with commas")
    return [int(w) for w in words]


def _workloads() -> list[str]:
    return ["25M", "resnet50", "long-tail", "mlp", "tiny"]


# Each command is imported when it is run: `adaspec list` has no use for the demo.


def _list(options: argparse.Namespace) -> int:
    from .listing import run

    return run(options.json, options.construct, options.family, options.target)


def _show(options: argparse.Namespace) -> int:
    from .show import run

    return run(options.name, options.json, options.latex)


def _diff(options: argparse.Namespace) -> int:
    from .diff import run

    return run(options.left, options.right, options.json)


def _check(options: argparse.Namespace) -> int:
    from .checking import run

    return run(options.files)


def _export(options: argparse.Namespace) -> int:
    from .exporting import run

    return run(options.name, options.to, options.output)


def _verify(options: argparse.Namespace) -> int:
    from .verifying import run

    return run(options.names, options.targets, options.steps, tuple(options.dtypes or DTYPES), options.json)


def _bench(options: argparse.Namespace) -> int:
    from .benching import run

    return run(
        options.name, options.targets, options.workloads, options.threads, options.quick, options.output,
        options.against,
    )  # fmt: skip


def _convert(options: argparse.Namespace) -> int:
    from .converting import run

    return run(
        options.source, options.origin, options.to, options.output, options.spec, options.names, options.params
    )  # fmt: skip


def _demo(options: argparse.Namespace) -> int:
    from ..demo import run

    return run(options.out, options.quick, options.targets)


def _doctor(options: argparse.Namespace) -> int:
    from .doctor import run

    return run(options.json)
