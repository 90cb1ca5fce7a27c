"""From bytes to a syntax tree, safely: size, encoding, tokens and nesting are bounded before Python's parser is asked.

A spec is untrusted text. Python's own parser is sound but unbounded in time, memory and stack, so each budget here is
checked by something that cannot run away: a length, a scan, a tokenizer.
"""

from __future__ import annotations

import ast
import io
import keyword
import tokenize
import unicodedata
import warnings

from .errors import SpecError
from .ir import Span

MAX_BYTES = 64 * 1024
MAX_BRACKETS = 50
MAX_STATEMENT_TOKENS = 1000
BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def decode(data: bytes | str) -> str:
    """The text of a spec with `\\n` line ends and no byte-order mark; refuses what no spec contains."""
    size = len(data) if isinstance(data, bytes) else len(data.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise SpecError(f"a spec of {size:,} bytes: at most {MAX_BYTES:,} are read", hint="a spec is 20 to 40 lines")
    if isinstance(data, bytes):
        try:
            data = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise SpecError(f"not UTF-8: byte {error.start} is {data[error.start]:#04x}", hint="save it as UTF-8") from None
    text = data.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    for number, line in enumerate(text.split("\n"), 1):
        for column, char in enumerate(line):
            if char == "\0":
                offset = len("\n".join(text.split("\n")[: number - 1]).encode()) + column
                raise SpecError(f"a NUL byte (offset {offset})", _at(number, column), "remove it")
            if char in BIDI or unicodedata.category(char) == "Cs":
                what = "a bidirectional control" if char in BIDI else "a lone surrogate"
                raise SpecError(f"{what}, U+{ord(char):04X}", _at(number, column), "remove it: it hides what a line says")
    return text


def tree(text: str) -> ast.Module:
    """The Python syntax tree of decoded `text`, or a SpecError where Python or a budget refuses it."""
    _scan(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape in a docstring is no concern of the reader's
            return ast.parse(text)
    except SyntaxError as error:
        line, column = error.lineno or 1, max((error.offset or 1) - 1, 0)
        raise SpecError(f"not Python syntax: {error.msg}", _at(line, column)) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise SpecError(f"not readable as Python: {error}") from None


def _scan(text: str) -> None:
    depth = count = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            here = _at(token.start[0], token.start[1], max(1, len(token.string)))
            if token.type in (tokenize.NEWLINE, tokenize.COMMENT, tokenize.NL):
                count = 0 if token.type == tokenize.NEWLINE else count
                continue
            count += 1
            if count > MAX_STATEMENT_TOKENS:
                raise SpecError(
                    f"a statement of more than {MAX_STATEMENT_TOKENS} tokens", here, "split it, or use a helper function"
                )
            if token.type == tokenize.OP:
                depth += (token.string in "([{") - (token.string in ")]}")
                if depth > MAX_BRACKETS:
                    raise SpecError(f"brackets nested deeper than {MAX_BRACKETS}", here, "name the inner parts")
            elif token.type == tokenize.NAME:
                _check_name(token.string, here)
    except tokenize.TokenError as error:
        line, column = error.args[1]
        last = max(1, text.count("\n"))
        message = "the text ends inside a bracket or a string" if "EOF" in error.args[0] else error.args[0]
        raise SpecError(message, _at(min(line, last), 0 if line > last else column), "close it") from None
    except SyntaxError as error:
        raise SpecError(f"not Python syntax: {error.msg}", _at(error.lineno or 1, max((error.offset or 1) - 1, 0))) from None


def _check_name(name: str, here: Span) -> None:
    if not name.isascii():
        odd = next(c for c in name if not c.isascii())
        raise SpecError(
            f"the name {name!a} is not ASCII (U+{ord(odd):04X} {unicodedata.name(odd, '')})".rstrip(),
            here,
            "spell it in ASCII: beta1, not a Greek letter; look-alikes hide differences",
        )
    if name.startswith("__"):
        raise SpecError(f"the name '{name}' is not for specs", here, "choose a name that starts with a letter")
    if name.startswith("_") and name != "_":
        raise SpecError(f"the name '{name}' starts with an underscore", here, "such names belong to generated code")
    if len(name) > 60:
        raise SpecError(f"a name of {len(name)} characters", here, "at most 60")


def _at(line: int, column: int, width: int = 1) -> Span:
    return Span(line, column, line, column + width)


def is_keyword(name: str) -> bool:
    return keyword.iskeyword(name)
