"""Long lines: laid out as a formatter does, with the meaning that they had, and nothing else touched."""

from __future__ import annotations

import ast
import io
import subprocess
import tokenize
from pathlib import Path
from random import Random

import pytest

from adaspec import layout
from adaspec.build import TARGETS, backend, export
from adaspec.layout import WIDTH, fitted
from adaspec.library import load, rules
from adaspec.lower import lower


def formatted(folder: Path, texts: list[str]) -> str:
    """What ruff would change in these texts; skips where it is not installed."""
    ruff = pytest.importorskip("ruff").find_ruff_bin()
    for k, text in enumerate(texts):
        (folder / f"m{k}.py").write_text(text, encoding="utf-8")
    command = [ruff, "format", "--isolated", "--no-cache", "--diff", "--line-length", str(WIDTH), str(folder)]
    return subprocess.run(command, capture_output=True, text=True).stdout


def same(before: str, after: str) -> bool:
    return ast.dump(ast.parse(before)) == ast.dump(ast.parse(after))


class Text:
    """Random statements, each on one line, as a formatter would write them were there no end to a line."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def name(self) -> str:
        words = ("m", "v_hat", "grad", "spectral_norm", "momentum_of_the_rows", "self.beta_1", "weight_decay", "x")
        return self.random.choice(words)

    def several(self, depth: int, most: int = 4) -> list[str]:
        return [self.whole(depth - 1) for _ in range(self.random.randint(1, most))]

    def call(self, depth: int) -> str:
        arguments = self.several(depth) if self.random.random() < 0.9 else []
        if arguments and self.random.random() < 0.4:
            arguments[-1] = f"axis={arguments[-1]}"
        function = self.random.choice(("jnp.where", "_fold", "ops.convert_to_tensor", "f", "torch.linalg.vector_norm"))
        return f"{function}({', '.join(arguments)})"

    def atom(self, depth: int) -> str:
        """What binds as tightly as a name."""
        if depth < 1 or self.random.random() < 0.3:
            return self.random.choice((self.name(), self.name(), "1.2e-38", '"a, (word) # and more"', 'f"{x!r}, {m}"'))
        parts = self.several(depth)
        match self.random.randrange(12):
            case 0 | 1 | 2:
                return self.call(depth)
            case 3:
                return f"{self.call(depth)}.{self.random.choice(('amax()', 'mT', 'swapaxes(-1, -2)', 'item()[0]'))}"
            case 4:
                return f"{self.call(depth)}.square().sum({parts[0]}).{self.random.choice(('item()', 'real'))}"
            case 5:
                return f"{self.name()}[{self.random.choice((parts[0], '..., :, None', '-1', f'{parts[0]}, ...'))}]"
            case 6:
                return f"[{', '.join(parts)}]"
            case 7:
                pairs = ", ".join(f"{k}: {part}" for k, part in enumerate(parts))
                return f"{{{pairs}}}"
            case 8:
                return f"[{parts[0]} for x, y in zip({self.name()}, {parts[-1]}, strict=True)]"
            case 9:
                return f"sum({parts[0]} for x in {self.atom(depth - 1)} if {self.name()} > {self.atom(depth - 1)})"
            case 10:
                return f"f(lambda p: {self.value(depth - 1)}, {self.name()})"
            case _:
                return f"({self.loose(depth - 1)})"

    def whole(self, depth: int) -> str:
        return self.loose(depth) if self.random.random() < 0.4 else self.atom(depth)

    def loose(self, depth: int) -> str:
        """Operators without brackets around them."""
        first, second, third = (self.atom(depth - 1) for _ in range(3))
        match self.random.randrange(9):
            case 0 | 1:
                return f"{first} {self.random.choice('+-')} {second} * {third}"
            case 2:
                return f"{first} * {second} / {third}"
            case 3:
                return f"{first} {self.random.choice(('@', '//', '%', '|', '&'))} {second}"
            case 4:
                return f"{first} if {second} > {third} else {self.whole(depth - 1)}"
            case 5:
                return f"{first} {self.random.choice(('<', 'is not', 'in'))} {second}"
            case 6:
                return f"{first} and {second} {self.random.choice(('and', 'or'))} not {third}"
            case 7:
                return f"-{first} + {self.name()}**2"
            case _:
                return f"{self.name()} - {self.name()} * {first}"

    def value(self, depth: int) -> str:
        """Without brackets around it: there a formatter takes them away."""
        value = self.whole(depth)
        bracketed = value.startswith("(") and ast.parse(value, mode="eval").body.col_offset
        return value[1:-1] if bracketed else value

    def statement(self) -> str:
        value = self.value(self.random.randint(1, 4))
        return self.random.choice(
            (
                f"{self.name()} = {value}",
                f"{self.name()}, {self.name()}, {self.name()} = {value}",
                f"x[..., None] = {value}",
                f"scalars: Any = {value}",
                f"x += {value}",
                f"return {value}",
                f"return {self.name()}, {value}, {self.name()}",
                f"if {value}:\n    pass",
                f"for x, y in {value}:\n    pass",
                f"while {value}:\n    pass",
                f"assert {value}",
                f"raise ValueError({value})",
                self.call(3),
            )
        )


@pytest.fixture(scope="module")
def modules() -> list[str]:
    texts = []
    for seed in range(40):
        random = Text(seed)
        lines = ["def f():"]
        for _ in range(25):
            depth = random.random.randint(1, 5)
            lines += ["    " * k + "if x:" for k in range(1, depth)]
            lines += ["    " * depth + line for line in random.statement().split("\n")]
        texts.append("\n".join(lines) + "\n")
    return texts


def test_random_statements_mean_the_same(modules: list[str]) -> None:
    for text in modules:
        new = fitted(text)
        assert same(text, new)
        assert fitted(new) == new


def test_random_statements_are_set_as_ruff_sets_them(modules: list[str], tmp_path: Path) -> None:
    changes = formatted(tmp_path, [fitted(text) for text in modules])
    assert not changes, changes[:4000]


@pytest.mark.sampled
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("rule", rules())
def test_exports_say_what_was_emitted(rule: str, target: str) -> None:
    text = backend(target).emit(lower(load(rule).laid_out(target)))
    new = export(rule, target)
    assert same(text, new)
    assert max(len(line) for line in new.split("\n")) <= WIDTH
    kept = {line for line in text.split("\n") if len(line) > WIDTH}
    assert not kept.intersection(new.split("\n"))


def test_a_text_that_fits_is_not_even_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "Statements", None)
    text = "x  =  not Python, and  no  line of it is long\n" * 3
    assert fitted(text) is text


def test_only_long_statements_change() -> None:
    odd = ["x  =  [ 1,2 ]", "y = (a)", "def f( p ):", "    return  (p)  # as it was"]
    long = "    m = " + " + ".join(["momentum"] * 15)
    lines = fitted("\n".join([*odd, long, *odd])).split("\n")
    assert lines[:4] == lines[-4:] == odd
    assert lines[4:-4] == ["    m = (", "        momentum", *["        + momentum"] * 14, "    )"]


def test_comments_go_above() -> None:
    words = " ".join(["word"] * 30)
    lines = fitted(
        f"if x:\n    y = 1  # {words}\n    # {words}\n    z = {'f' * 100}(1, 2)  # short, but too long\n"
    ).split("\n")
    wrapped = ["    # " + " ".join(["word"] * 23), "    # " + " ".join(["word"] * 7)]
    call = f"    z = {'f' * 100}(1, 2)"
    assert lines == ["if x:", *wrapped, "    y = 1", *wrapped, "    # short, but too long", call, ""]


@pytest.mark.parametrize(
    "text",
    [
        f"x = {'a' * 130}",
        f"x = '{'a' * 130}'",
        f'"""A page.\n\n{"word " * 30}\n"""',
        f"def f({'a' * 60}, {'b' * 60}): pass",
        f"with {'a' * 60}({'b' * 60}):\n    pass",
        f"x = [  # a reason\n    {'a' * 60} + {'b' * 60},\n]",
        f"x = 1; y = {'a' * 60} + {'b' * 60}",
        f"if x: y = {'a' * 60} + {'b' * 60}",
    ],
)
def test_what_is_unknown_or_cannot_break_stays(text: str) -> None:
    assert fitted(text) == text


def tokenized(text: str) -> dict[int, int]:
    words = tokenize.generate_tokens(io.StringIO(text).readline)
    return {word.start[0] - 1: word.start[1] for word in words if word.type == tokenize.COMMENT}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", ["adax", "muon", "psgd_kron", "schedule_free_adamw"])
def test_comments_are_found_where_python_finds_them(name: str, target: str) -> None:
    text = export(name, target)
    assert layout._comments(text, text.split("\n")) == tokenized(text)


def test_a_sharp_in_a_string_is_no_comment() -> None:
    text = '''x = "# no"  # yes
y = '\\'# no'  # "yes"
z = """ # no
" # no \\""" # no
"""  # yes
w = r"\\"  # yes: two
β = f"{x!r:>{4}}# no" + b'#'.decode()  # yes
# yes: 'a
'''
    assert layout._comments(text, text.split("\n")) == tokenized(text) != {}
