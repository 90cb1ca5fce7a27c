"""From bytes to a syntax tree, safely: size, encoding, tokens and nesting are bounded before Python's parser is asked.

A spec is untrusted text. Python's own parser is sound but unbounded in time, memory and stack, so each budget here is
checked by something that cannot run away: a length, a scan, a tokenizer.
"""

from __future__ import annotations

import ast
import io
import keyword
import re
import tokenize
import unicodedata
import warnings

from .errors import SpecError
from .ir import Span

MAX_BYTES = 64 * 1024
MAX_BRACKETS = 50
MAX_STATEMENT_TOKENS = 1000
MAX_DIGITS = 60
MAX_NAME = 60
BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
ODD = re.compile(f"[\0\ud800-\udfff{''.join(sorted(BIDI))}]")


def decode(data: bytes | str) -> str:
    """The text of a spec with `\\n` line ends and no byte-order mark; refuses what no spec contains."""
    size = len(data) if isinstance(data, bytes) else len(data.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise SpecError(f"more than {MAX_BYTES:,} bytes: this is no spec", hint="a spec is 20 to 40 lines")
    if isinstance(data, bytes):
        try:
            raw = data.decode("utf-8")
        except UnicodeDecodeError as error:
            what = f"not UTF-8: byte {error.start} is {data[error.start]:#04x}"
            raise SpecError(what, _place(data[: error.start].decode("utf-8")), "save it as UTF-8") from None
    else:
        raw = data
    odd = ODD.search(raw)
    if odd is not None:
        char, before = odd[0], raw[: odd.start()]
        if char == "\0":
            offset = len(before.encode("utf-8", "surrogatepass"))
            raise SpecError(f"a NUL byte (offset {offset})", _place(before), "remove it")
        what = "a bidirectional control" if char in BIDI else "a lone surrogate"
        hint = "remove it: it hides what a line says" if char in BIDI else "remove it: it is half a character"
        raise SpecError(f"{what}, U+{ord(char):04X}", _place(before), hint)
    return _unified(raw)


def _unified(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _place(before: str) -> Span:
    """The span of the character that stands behind `before`."""
    lines = _unified(before).split("\n")
    return _at(len(lines), len(lines[-1]))


def tree(text: str) -> ast.Module:
    """The Python syntax tree of decoded `text`, or a SpecError where Python or a budget refuses it."""
    _scan(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape in a docstring is no concern of the reader's
            return ast.parse(text)
    except SyntaxError as error:
        raise _not_python(error, text) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise SpecError(
            f"not readable as Python: {error}", hint="nest it less deeply; a spec is 20 to 40 lines"
        ) from None


def _not_python(error: SyntaxError, text: str) -> SpecError:
    line, column = error.lineno or 1, max((error.offset or 1) - 1, 0)
    if isinstance(error, IndentationError):
        source = text.split("\n")[line - 1] if line <= text.count("\n") + 1 else ""
        start = len(source) - len(source.lstrip())
        at = _at(line, start, max(1, len(source) - start))
        return SpecError(f"not Python syntax: {error.msg}", at, "the statements of a block begin in one column")
    same = error.end_lineno == line and (error.end_offset or 0) - 1 > column
    at = _at(line, column, error.end_offset - 1 - column if same and error.end_offset else 1)
    lines = text.split("\n")
    word = lines[line - 1][column : at.end_column] if line <= len(lines) else ""
    hint = f"'{word}' is a Python keyword: a name has to be another, such as {word}_" if keyword.iskeyword(word) else ""
    return SpecError(f"not Python syntax: {error.msg}", at, hint)


def _scan(text: str) -> None:
    """Every token within its budget, so that Python's own parser meets nothing that it could choke on."""
    opened: list[Span] = []
    count = 0
    try:
        for kind, word, start, _, _ in tokenize.generate_tokens(io.StringIO(text).readline):
            if kind in (tokenize.NEWLINE, tokenize.COMMENT, tokenize.NL):
                count = 0 if kind == tokenize.NEWLINE else count
                continue
            count += 1
            if count > MAX_STATEMENT_TOKENS:
                raise SpecError(
                    f"a statement of more than {MAX_STATEMENT_TOKENS} tokens",
                    _at(*start, len(word)),
                    "split it, or use a helper function",
                )
            if kind == tokenize.OP:
                if word in "([{":
                    opened.append(_at(*start, len(word)))
                elif word in ")]}" and opened:
                    opened.pop()
                if len(opened) > MAX_BRACKETS:
                    raise SpecError(f"brackets nested deeper than {MAX_BRACKETS}", opened[-1], "name the inner parts")
            elif kind == tokenize.NAME:
                _check_name(word, start)
            elif kind == tokenize.NUMBER and len(word) > MAX_DIGITS:
                raise SpecError(
                    f"a number of {len(word)} digits", _at(*start, len(word)), "float64 tells 17 digits apart"
                )
    except tokenize.TokenError as error:
        message, (line, column) = error.args
        if "triple-quoted" in message or "multi-line string" in message:
            raise SpecError(
                "the text ends inside this string", _at(line, max(column, 0), 3), 'close it with """'
            ) from None
        if "EOF" in message and opened:
            raise SpecError("this bracket is never closed", opened[-1], "close it") from None
        raise _not_tokens(message, line, column) from None
    except SyntaxError as error:
        raise _not_python(error, text) from None


def _not_tokens(message: str, line: int, column: int) -> SpecError:
    """What the tokenizer of Python 3.12 and later finds and that of 3.11 leaves to the parser."""
    return SpecError(f"not Python syntax: {message}", _at(line, max(column - 1, 0)))


def _check_name(name: str, start: tuple[int, int]) -> None:
    here = (*start, len(name))
    if not name.isascii():
        odd = next(c for c in name if not c.isascii())
        raise SpecError(
            f"the name {name!a} is not ASCII (U+{ord(odd):04X} {unicodedata.name(odd, '')})".replace(" )", ")"),
            _at(*here),
            "spell it in ASCII: beta1, not a Greek letter; look-alikes hide differences",
        )
    if name.startswith("__"):
        raise SpecError(f"the name '{name}' is not for specs", _at(*here), "choose a name that starts with a letter")
    if name.startswith("_") and name != "_":
        raise SpecError(
            f"the name '{name}' starts with an underscore", _at(*here), "such names belong to generated code"
        )
    if len(name) > MAX_NAME:
        raise SpecError(f"a name of {len(name)} characters", _at(*here), f"at most {MAX_NAME}")


def _at(line: int, column: int, width: int = 1) -> Span:
    return Span(line, column, line, column + max(1, width))


def is_keyword(name: str) -> bool:
    return keyword.iskeyword(name)
