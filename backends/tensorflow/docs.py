"""What the reader meets first: the docstring of the class."""

from __future__ import annotations

import textwrap

from adaspec import ir
from adaspec.emit import describe
from adaspec.vocabulary import KINDS

from .names import BASE_ARGUMENTS, Names

RATES = ", a `keras.optimizers.schedules.LearningRateSchedule`, or a callable without arguments"


class Documentation:
    def __init__(self, names: Names) -> None:
        self.names = names
        self.lowered = names.lowered

    def text(self) -> list[str]:
        lines = describe(self.lowered, self.names.public)
        notes = ["`lr` is the learning rate."] if self.names.rate else []
        if self.names.decay:
            notes.append("Variables named in `exclude_from_weight_decay` have a decay of 0.")
        notes += [
            f'The view "{v.label}" is another reading of the variables: see `swap_view`.' for v in self.lowered.views
        ]
        lines += ["", *textwrap.wrap(" ".join(notes), 112)] if notes else []
        lines += ["", "Args:"]
        if self.names.rate:
            lines += self.argument(self.names.rate, RATES)
        for hyper in self.names.plain:
            lines += self.argument(hyper)
        return lines + ["    " + line for line in textwrap.wrap(
            f"{', '.join(BASE_ARGUMENTS)}: As in every Keras optimizer.", 108, subsequent_indent="    ")]  # fmt: skip

    def argument(self, hyper: ir.Hyper, more: str = "") -> list[str]:
        text = KINDS[hyper.kind].text
        kind = text[0].upper() + text[1:] if hyper.static else f"A float in {text}"
        kind += " or None" if hyper.optional else ""
        text = f"{self.names.public[hyper.name]}: {kind}{more}. Defaults to `{hyper.default!r}`."
        return ["    " + line for line in textwrap.wrap(text, 108, subsequent_indent="    ")]
