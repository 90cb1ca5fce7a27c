"""What the reader meets first: the docstring of the class, in the order and the words of Keras's own."""

from __future__ import annotations

import re
import textwrap

from adaspec import ir
from adaspec.emit import rule_text
from adaspec.vocabulary import KINDS

from .constructor import default
from .names import BASE_ARGUMENTS, Names, class_name

RATES = ", a `keras.optimizers.schedules.LearningRateSchedule`, or a callable without arguments"
EXCLUSIONS = "; it is 0 for variables named in `exclude_from_weight_decay`"
WIDTH = 112


class Documentation:
    def __init__(self, names: Names) -> None:
        self.names = names
        self.lowered = names.lowered
        self.rule = names.lowered.rule
        self.spec = names.lowered.spec

    def text(self) -> list[str]:
        """Every line of the docstring, unindented."""
        rest = self.spec.rule.doc.strip().split("\n")[1:]
        more = textwrap.dedent("\n".join(rest)).strip().split("\n")
        update, title = self.update(), f"Optimizer that implements {self.spec.title}."
        parts = [
            [title if len(title) <= WIDTH else f"{self.spec.title}."],
            more if any(more) else [],
            ["The update of a variable, as the rule says it:", "", "```", *update.split("\n"), "```"],
            self.wrapped(self.meanings(update)),
            ["Args:", *self.arguments()],
            ["Example:", "", *self.example()],
            ["Reference:", *self.reference()] if self.spec.reference else [],
        ]  # fmt: skip
        return [line for part in parts if part for line in ("", *part)][1:]

    def wrapped(self, text: str) -> list[str]:
        return textwrap.wrap(text, WIDTH, break_on_hyphens=False)

    def update(self) -> str:
        text = textwrap.dedent("\n".join(rule_text(self.lowered))).split("\n")
        return "\n".join(part for line in text for part in self.folded(line))

    def folded(self, line: str) -> list[str]:
        """A long line of the rule in several, each further in than the first."""
        indent = line[: len(line) - len(line.lstrip())]
        return textwrap.wrap(
            line, WIDTH, subsequent_indent=indent + "    ", break_long_words=False, break_on_hyphens=False
        ) or [""]  # fmt: skip

    def meanings(self, update: str) -> str:
        """What the names in the update are, to the reader of a Keras model."""
        rule = self.rule
        counted = rule.step and re.search(rf"\b{rule.step}\b", update)
        step = f" at step `{rule.step}` (1 at the first)" if counted else ""
        parts = [f"Here `{rule.param}` is the variable and `{rule.grad}` its gradient{step}."]
        slots = [f"`{self.names.slot(s.name)}`" for s in rule.slots]
        if slots:
            where = "float32, or float64 beside a float64 variable"
            parts += [f"The optimizer keeps {_and(slots)} for every variable ({where})."]
        if rule.shared:
            shared = [f"`{s.name}`" for s in rule.shared]
            parts += [f"{_and(shared)} {'are numbers' if len(shared) > 1 else 'is one number'} for the whole model."]
        for i in rule.inputs:
            what = "is a number that is" if i.scalar else "is an array for each variable,"
            parts += [f"`{i.name}` {what} given to `apply` with the gradients."]
        if self.names.aliases:
            own = _and([f"`{n}`" for n in self.names.aliases])
            parts += [f"The arguments have Keras's names; the rule's own, {own}, are taken as keywords too."]
        for v in self.lowered.views:
            parts += [f'The view "{v.label}" is another reading of the variables: see `swap_view`.']
        return " ".join(parts)

    def arguments(self) -> list[str]:
        lines = self.argument(self.names.rate, RATES) if self.names.rate else []
        for hyper in self.names.plain:
            lines += self.argument(hyper, EXCLUSIONS if hyper == self.names.decay else "")
        if self.names.base_decay:
            text = "weight_decay: A float or None. Before each step the variables are multiplied by "
            text += "`1 - learning_rate * weight_decay`, but for those named in `exclude_from_weight_decay`. "
            lines += self.hanging(text + "Defaults to `None`.")
        return lines + self.hanging(f"{', '.join(BASE_ARGUMENTS)}: As in every Keras optimizer.")

    def argument(self, hyper: ir.Hyper, more: str = "") -> list[str]:
        text, public = KINDS[hyper.kind].text, self.names.public[hyper.name]
        kind = text[0].upper() + text[1:] if hyper.static else f"A float in {text}"
        kind += " or None" if hyper.optional else " or None for 0" if self.names.off(hyper) else ""
        own = f"; the rule's `{hyper.name}`" if hyper.name != public else ""
        return self.hanging(f"{public}: {kind}{more}{own}. Defaults to `{default(hyper, self.names.nothing(hyper))}`.")

    def hanging(self, text: str) -> list[str]:
        lines = textwrap.wrap(text, WIDTH - 4, subsequent_indent="    ", break_on_hyphens=False)
        return ["    " + line for line in lines]

    def example(self) -> list[str]:
        """A model that is trained; by hand where a step needs what `fit` does not have."""
        rate = self.names.rate
        made = f"{class_name(self.spec)}({f'learning_rate={default(rate)}' if rate else ''})"
        asked = [i for i in self.rule.inputs if not i.optional and not (i.scalar and i.name == "loss")]
        if not asked:
            return ["```python", f'model.compile(optimizer={made}, loss="mse")', "model.fit(x, y)", "```"]
        given = ", ".join(f"{self.names.local[i.name]}={self.names.local[i.name]}" for i in asked)
        return [
            "```python",
            f"optimizer = {made}",
            f"optimizer.apply(grads, model.trainable_variables, {given})",
            "```",
        ]

    def reference(self) -> list[str]:
        text = re.sub(r"arXiv:(\d{4}\.\d{4,5})", r"[arXiv:\1](https://arxiv.org/abs/\1)", self.spec.reference)
        return ["- " + text if n == 0 else "  " + text for n, text in enumerate(self.wrapped(text))]


def _and(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
