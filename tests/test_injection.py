"""Texts that carry code: nothing of a spec is ever run, in no string, name or default, here or in what is exported."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import adaspec
from adaspec.build import TARGETS, check_generated
from adaspec.emit import HELPERS

HEAD = '"""Bad: a hostile one. Nobody, 2026."""\n\n'
RULE = "def bad(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 1e-3):\n"


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", adaspec.SpecWarning)
        yield


# Code that wants to run

RUN = "__import__('pathlib').Path({file!r}).touch()"
PAYLOADS = [
    '"""\n{run}\n"""',
    "'''\n{run}\n'''",
    '"; {run}; "',
    "'; {run}; '",
    "\\",
    '\\"',
    '\\"""\n{run}',
    '"',
    '""',
    "'",
    'a"""',
    "\\'",
    "\u2028{run}\u2029",
    "\r{run}",
    "\x0c{run}\x0b",
    "\x85{run}",
    "{{{run}}}",
    "{0} {lr} {lr!r:>9}",
    "%s %(lr)s %d",
    "${{run}} $lr `{run}`",
    "\x00{run}",
    "\x1b[2J",
    "\N{RIGHT-TO-LEFT OVERRIDE}{run}",
    "\\N{{DIGIT ONE}} \\x41 \\u0041 \\",
    "\n\n    {run}\n",
    "# {run}",
    "<script>{run}</script>",
    "*/ {run} /*",
    "): {run} #",
    "a\tb",
    "\N{GREEK SMALL LETTER BETA}\N{SUBSCRIPT TWO} \N{LARGE RED CIRCLE}",
]
PLACES = ("title", "reference", "text", "rule", "schedule", "view", "message")


def hostile(payload: str, *places: str) -> str:
    """A sound spec with the payload in some of its strings."""
    said = {place: payload if place in places else "harmless" for place in PLACES}
    doc = f"Bad: {said['title']}. Nobody, 2026: {said['reference']}\n\nMore: {said['text']} end"
    return (
        f"{doc!a}\n\n\n@schedule\ndef beta_hat(t: Step):\n    {'About ' + said['schedule']!a}\n    return 1 / t\n\n\n"
        f"{RULE}    {'The rule: ' + said['rule']!a}\n    assert x.ndim < 9, {'because ' + said['message']!a}\n"
        f"    m = beta_hat(t) * m + g\n    x = x - lr * m\n    return x, m\n\n\n"
        f'@view("eval")\ndef average(x: Param, m: Slot):\n    {"Of " + said["view"]!a}\n    return x - m\n'
    )


def skeleton(text: str) -> str:
    """The syntax of a module without what its strings and comments say."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(tree)


def said(text: str) -> str:
    """All that the strings of a module say, blanks alike."""
    strings = [n.value for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    return " ".join("\n".join(strings).split())


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda p: ascii(p)[:20])
def test_no_string_of_a_spec_becomes_code(payload: str, tmp_path: Path) -> None:
    """A payload changes strings alone: the syntax of every export is that of the harmless spec's."""
    sentinel = tmp_path / "ran"
    payload = payload.replace("{run}", RUN.format(file=str(sentinel))).replace("{{", "{").replace("}}", "}")
    spec, plain = adaspec.parse(hostile(payload, *PLACES)), adaspec.parse(hostile("harmless"))
    again = adaspec.parse(spec.text)
    assert again == spec and again.rule == spec.rule
    for target in TARGETS:
        text = adaspec.export(spec, target)
        text.encode("utf-8")
        assert skeleton(text) == skeleton(adaspec.export(plain, target)), target
        check_generated(text, target)
    built = adaspec.build(spec, "numpy")()
    built.step([np.ones(2)], [np.ones(2)], built.init([np.ones(2)]))
    assert " ".join(payload.split()) in said(adaspec.export(spec, "numpy"))
    assert not sentinel.exists()


@pytest.mark.parametrize("payload", PAYLOADS[:12], ids=ascii)
def test_an_assertion_says_its_message_to_the_letter(payload: str, tmp_path: Path) -> None:
    payload = payload.replace("{run}", RUN.format(file=str(tmp_path / "ran")))
    spec = adaspec.parse(hostile(payload, "message").replace("x.ndim < 9", "x.ndim == 9"))
    for init in (adaspec.interpret(spec).init, adaspec.build(spec, "numpy")().init):
        with pytest.raises(ValueError) as caught:
            init([np.ones(2)])
        assert payload in str(caught.value)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "line",
    [
        "lr: Rate = __import__('os').system('touch {file}')",
        "lr: Rate = open('{file}', 'w')",
        "lr: __import__('pathlib').Path('{file}').touch() = 1",
        "lr: Rate = (lambda: open('{file}', 'w'))()",
        "lr: Rate = f\"{{open('{file}', 'w')}}\"",
        "lr: Rate = [open(f, 'w') for f in ['{file}']]",
        'lr: \'open("{file}", "w")\' = 1',
    ],
)
def test_no_default_runs(line: str, tmp_path: Path) -> None:
    text = HEAD + f"def bad(x: Param, g: Grad, *, {line.format(file=tmp_path / 'ran')}):\n    return x\n"
    with pytest.raises(adaspec.SpecError):
        adaspec.parse(text)
    assert not (tmp_path / "ran").exists()


def test_a_decorated_body_is_never_run(tmp_path: Path) -> None:
    with pytest.raises(adaspec.SpecError, match="not part of the language"):

        @adaspec.optimizer
        def bad(x: Param, g: Grad):  # type: ignore[name-defined] # noqa: F821
            (tmp_path / "ran").touch()
            return x

    assert not (tmp_path / "ran").exists()


# Names that frameworks, Python or generated code need

WORDS = """
    Adam Any Array Bad False_ None_ Optimizer Param Tensor abs all array beta_1 betas bool bound build callable clip
    compile copy count d default defaults dict dtype epsilon eval exec f float foreach full g group groups grad
    grads hypers init init_fn input int isinstance jax jnp jnp_ keras learning_rate len list locals lr_ math max
    maximize min mu name norm np numpy object open ops optax optimizer out param param_groups params path print
    property range rate s scalars self shape shared slots state step steps str sum super t_ tensor tf torch total
    tuple type update update_fn updates vars view w weight_decay x_ xp zeros zip match case c1 c2 c3 tmp0 a b c
"""
NAMES = sorted({*WORDS.split(), *(name[1:] for name in HELPERS)})
KINDS_OF_USE = {
    "hyper": "def bad(x: Param, g: Grad, *, {n}: Rate = 0.5):\n    x = x - {n} * g\n    return x\n",
    "slot": "def bad(x: Param, g: Grad, {n}: Slot):\n    {n} = 0.5 * {n} + g\n    x = x - {n}\n    return x, {n}\n",
    "local": "def bad(x: Param, g: Grad, *, h: Rate = 0.5):\n    {n} = h * g\n    x = x - {n} * {n}\n    return x\n",
    "scalar": "def bad(x: Param, g: Grad, t: Step):\n    {n} = 1 - 0.5**t\n    x = x - {n} * g\n    return x\n",
    "shared": "def bad(x: Param, g: Grad, {n}: Shared = 0.5):\n    {n} = {n} + 2\n    x = x - {n} * g\n"
    "    return x, {n}\n",
    "param": "def bad({n}: Param, g_: Grad):\n    {n} = {n} - g_\n    return {n}\n",
    "rule": "def {n}(x: Param, g: Grad, *, h: Rate = 0.5):\n    x = x - h * g\n    return x\n",
    "view": "def bad(x: Param, g: Grad, {n}: Slot):\n    {n} = {n} + g\n    x = x - {n}\n    return x, {n}\n\n\n"
    '@view("eval")\ndef average(x: Param, {n}: Slot):\n    return x - {n}\n',
}


LIKELY = {"step", "state", "params", "grads", "self", "np", "math", "slots", "view", "init", "lr_", "c1", "copy", "a"}


def names_of(use: str) -> list[str]:
    """The names to try in this use: those that clash most likely, and a share of all others."""
    uses, taken = list(KINDS_OF_USE), {"g", "x", "h", "t"} | ({"step"} if use in ("slot", "view") else set())
    return [n for k, n in enumerate(NAMES) if n not in taken and (n in LIKELY or k % len(uses) == uses.index(use))]


@pytest.mark.parametrize("use", KINDS_OF_USE)
def test_any_name_works_on_numpy(use: str) -> None:
    """Names that clash are mangled, and mean what they meant."""
    works_on_numpy(use, names_of(use))


def test_a_slot_named_step_works_on_numpy() -> None:
    works_on_numpy("slot", ["step"])


def works_on_numpy(use: str, names: list[str]) -> None:
    for name in names:
        text = KINDS_OF_USE[use].format(n=name)
        spec = adaspec.parse(HEAD + text)
        opt, built = adaspec.interpret(spec), adaspec.build(spec, "numpy")()
        params = [np.array([1.0, -2.0])]
        mirror, state = params, opt.init(params)
        theirs = [p.copy() for p in params]
        memory = built.init(theirs)
        for _ in range(2):
            mirror, state = opt.step(mirror, [np.array([0.3, 0.7])], state)
            built.step(theirs, [np.array([0.3, 0.7])], memory)
        np.testing.assert_allclose(theirs[0], mirror[0], rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("target", TARGETS)
def test_any_name_exports(target: str) -> None:
    for use, text in KINDS_OF_USE.items():
        for name in names_of(use):
            source = adaspec.export(adaspec.parse(HEAD + text.format(n=name)), target)
            compile(source, f"{use} {name}", "exec", dont_inherit=True)


PLANTED = [
    "import os",
    "import numpy, os",
    "from os import system",
    "from . import x",
    "from os.path import join",
    "import builtins",
    "eval('1')",
    "exec('1')",
    "run = eval",
    "[exec][0]('1')",
    "compile('1', '', 'eval')",
    "__import__('os')",
    "open('x')",
    "globals()['x']",
    "locals()",
    "vars()",
    "input()",
    "breakpoint()",
    "().__class__.__bases__",
    "x.__globals__",
    "getattr(x, '__class__')",
    "setattr(x, '__code__', 1)",
    "__builtins__",
    "async def f(): pass",
    "async def f():\n    await g()",
    "def f():\n    global x",
    "def f():\n    nonlocal x",
    "match x:\n    case 1: pass",
    "print(x.__subclasses__())",
]


@pytest.mark.parametrize("code", PLANTED)
@pytest.mark.parametrize("target", TARGETS)
def test_planted_code_is_refused(code: str, target: str) -> None:
    if target == "numpy" and code.startswith("import numpy,"):
        code = "import math, os"
    text = adaspec.export("adam", target)
    check_generated(text, target)
    with pytest.raises(AssertionError, match="generated code"):
        check_generated(f"{text}\n{code}\n", target)


def test_a_module_name_that_carries_a_bad_text_is_refused() -> None:
    import base64
    import importlib
    import zlib

    evil = base64.b32encode(zlib.compress(b"import os\n")).decode().rstrip("=").lower()
    bomb = base64.b32encode(zlib.compress(b"#" * 50_000_000)).decode().rstrip("=").lower()
    for packed in (evil, bomb):
        with pytest.raises(adaspec.SpecError):
            importlib.import_module(f"adaspec.generated.numpy.bad_{packed}")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("adaspec.generated.numpy.bad_0189")
