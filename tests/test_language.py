"""What a spec is: a text and a rule that stand for each other, a hash, spans, slots by shape, and ways to load it."""

from __future__ import annotations

import copy
import json
import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec import ir
from adaspec.lang import Grad, Param, Rate, Slot, zeros

SPECS = Path(__file__).parents[1] / "specs"
RULES = sorted(path.stem for path in SPECS.glob("[!_]*.py"))
HEAD = '"""Mine: an example. Example, 2026."""\n\nfrom adaspec.lang import *\n\n\n'


def source(name: str) -> str:
    return (SPECS / f"{name}.py").read_text(encoding="utf-8")


def spec_of(text: str) -> adaspec.Spec:
    return adaspec.parse(HEAD + text)


# Text and hash


@pytest.mark.parametrize("name", RULES)
def test_the_canonical_text_says_the_rule(name: str) -> None:
    spec = adaspec.load(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", adaspec.SpecWarning)
        again = adaspec.parse(spec.text)
    assert again == spec and again.rule == spec.rule
    assert again.text == spec.text and again.hash == spec.hash


EVERYTHING = '''
@schedule
def kept(t: Step, *, c: Positive, b: Decay):
    r"""A \\ backslash, "quotes", """ + "and a tail"
    return 1 - b * t**-c


def mix(a: Array, b, m: Matrix, *, s: Scalar, f: Flag, n: Count):
    for _ in range(n):
        a = a + 0 * m if f else a - -b**2**-s
    return a


def rule(
    p: Param, d: Grad, t: Step, a: Slot = ones, b: Slot = full(-0.5), c: Slot = copy, e: Slot = first_grad,
    f: Slot = zeros.without(-1), h: Slot = ones.without(-2), i: Slot = full(2).scalar, s: Shared = -1.0, u: Shared = 2,
    *, lr: Rate = 1e-3, q: Optional[Real] = None, w: Optional[Decay] = 0.5, k: Count = 3, on: Flag = True,
    off: Flag = False, z: Real = -1e-300, big: Positive = 1e300, one: Rate = 1,
):
    """The rule's own words."""
    assert p.ndim == 2 and not (off or k < 2), "matrices: 'quoted' and \\"doubly\\""
    y = kept(t, c=0.8, b=0.5)
    if q is not None and on:
        d = where((d > q) & ~(d <= -q) | (d == 0), d, clip(d, -1.5, q))
    elif w is None:
        d = d @ d.T @ d.T.T
    else:
        d += mix(d, 2, p, s=0.5, f=on, n=k)
    a = -a**2 - (-a)**2 + (a - (d - p)) / (a / (d + 3)) ** -1 - (1 if on else 2)
    f = max(d, axis=-1) + f
    h = norm(d, axis=-2) * h
    e = e + f[..., :, None] * h[..., None, :]
    i = i + p.shape[0] / p.shape[-1] - p.ndim
    s = s + total(sum(d))
    u = u + 1
    p = p - lr * (a + b + c + e) * i * s * y * u * z * big * one
    return p, a, b, c, e, f, h, i, s, u


@view("look")
def look(p: Param, c: Slot, *, w: Optional[Decay]):
    """Seen \\t so."""
    return (p - c) * 2 if w is None else p * w


dialects = {"a-b:c-d": dict(lr=0.1, q=None, on=False, k=7), "e:f": dict()}
'''.replace('r"""A \\ backslash, "quotes", """ + "and a tail"', '"""A \\\\ backslash and \\"quotes\\\\"."""')


def test_all_of_the_language_survives_its_text() -> None:
    spec = spec_of(EVERYTHING)
    again = adaspec.parse(spec.text)
    assert again.rule == spec.rule and again.text == spec.text
    assert spec.dialects["a-b:c-d"] == {"lr": 0.1, "q": None, "on": False, "k": 7}
    assert spec.views["look"].doc == "Seen \t so.".expandtabs()
    (opt, x) = adaspec.interpret(spec), np.ones((2, 2))
    (params, state) = opt.step([x], [x / 3], opt.init([x]))
    assert np.isfinite(opt.view("look", params, state)[0]).all()


@pytest.mark.parametrize(
    "doc",
    [
        'a"""',
        '"',
        '""',
        '\\"',
        "\\",
        "a\\",
        "'",
        "\n\na\n   \n\n  b\n ",
        "a\n\x0c b",
        "\t\ta\n\tb",
        " \xa0\u3000a\n\xa0\xa0b",
        "é\u2028x",
        "{}%s",
        "a\\\nb",
    ],
)
def test_any_docstring_survives(doc: str) -> None:
    for text in (f"{doc!a}\ndef f(x: Param, g: Grad):\n    {doc!a}\n    return x\n",):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", adaspec.SpecWarning)
            spec = adaspec.parse(text)
            again = adaspec.parse(spec.text)
        assert again.rule == spec.rule and again.text == spec.text
        assert spec.rule.doc.split() == doc.split()


def test_layout_and_comments_do_not_count() -> None:
    plain = source("adafactor")
    loose = plain.replace("\n", "   # a comment\n").replace("    ", "\t").replace(" = ", "  =   ").replace(" * ", "*")
    loose = loose.replace('04235"""   # a comment', '04235"""').replace("g / sqrt(v)", "((g) / (sqrt((v))))")
    tight = adaspec.parse("\ufeff" + loose.replace("\n", "\r\n"))
    assert tight == adaspec.load("adafactor") and tight.hash == adaspec.load("adafactor").hash
    assert tight.rule == adaspec.load("adafactor").rule


CHANGES = {
    "a default": ("1e-3", "2e-3"),
    "its type": ("lr: Rate = 1e-3", "lr: Rate = 1"),
    "a kind": ("eps: Positive", "eps: Rate"),
    "an exponent's type": ("g**2", "g**2.0"),
    "an operation": ("sqrt(v_hat) + eps", "sqrt(v_hat) - eps"),
    "an order": ("lr * m_hat", "m_hat * lr"),
    "brackets": ("lr * m_hat / (sqrt(v_hat) + eps)", "lr * (m_hat / (sqrt(v_hat) + eps))"),
    "a name": ("m_hat", "m_het"),
    "a beginning": ("m: Slot = zeros", "m: Slot = ones"),
    "the docstring": ("Kingma", "King"),
    "the rule's name": ("def adam", "def adem"),
}


def test_every_change_of_a_rule_changes_its_hash() -> None:
    texts = [source("adam")]
    for old, new in CHANGES.values():
        assert old in texts[0]
        texts.append(texts[0].replace(old, new))
    specs = [adaspec.parse(text) for text in texts]
    assert len({s.hash for s in specs}) == len(specs) == len(set(specs)) == len({s.text for s in specs})
    assert len({adaspec.load(name).hash for name in RULES}) == len(RULES)


def test_hashes_and_texts_are_the_same_in_every_process() -> None:
    said = "{n: [adaspec.load(n).hash, adaspec.load(n).text] for n in adaspec.names()}"
    code = f"import adaspec, json; print(json.dumps({said}))"
    ours = {n: [adaspec.load(n).hash, adaspec.load(n).text] for n in adaspec.names()}
    for seed in ("0", "4711"):
        environment = os.environ | {
            "PYTHONHASHSEED": seed,
            "LC_ALL": "C",
            "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
        }
        run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
        assert json.loads(run.stdout) == ours


def test_a_spec_is_a_value() -> None:
    spec = adaspec.load("schedule_free")
    for other in (pickle.loads(pickle.dumps(spec)), copy.copy(spec), copy.deepcopy(spec)):
        assert other == spec and hash(other) == hash(spec) and other.rule == spec.rule and other.hash == spec.hash
        assert other.views.keys() == {"eval"} and other.body == spec.body
    assert spec != adaspec.load("adam") and spec != "schedule_free"
    assert repr(spec) == f"<Spec schedule_free {spec.hash[:12]}>"
    with pytest.raises(AttributeError):
        spec.rule = None  # type: ignore[misc]
    error = pickle.loads(pickle.dumps(adaspec.SpecError("a", ir.Span(1, 2, 3, 4), "b")))
    assert (error.message, error.hint, error.line, error.column) == ("a", "b", 1, 3)


def test_what_a_spec_declares() -> None:
    spec = adaspec.load("prodigy")
    assert (spec.name, spec.class_name, spec.title) == (
        "prodigy",
        "Prodigy",
        "Prodigy: Adaptive Parameter-Free Learner",
    )
    assert spec.reference == "Mishchenko & Defazio, 2023. arXiv:2306.06101"
    assert list(spec.hypers) == ["lr", "beta1", "beta2", "eps", "d0", "weight_decay"]
    assert list(spec.slots) == ["x0", "m", "v", "s"] and list(spec.shared) == ["r", "growth"]
    assert list(adaspec.load("adax").schedules) == ["beta2_hat"]
    assert [adaspec.load(n).class_name for n in ("adax", "lamb", "sgd", "adam_l2", "schedule_free")] == [
        "AdaX",
        "LAMB",
        "SGD",
        "AdamL2",
        "ScheduleFree",
    ]
    none = adaspec.parse('"""None: a keyword. Nobody, 2026."""\ndef none(x: Param, g: Grad):\n    return x\n')
    assert none.class_name == "None_"


# Spans


@pytest.mark.parametrize("name", ["muon", "adafactor", "schedule_free", "prodigy", "adax"])
def test_every_node_knows_where_it_stands(name: str) -> None:
    """Names and numbers are spelled at their spans, also in the expanded body; a child lies inside its parent."""
    text, spec = source(name), adaspec.load(name)
    lines = text.split("\n")
    views = tuple(node for label in spec.views for node in spec.view(label)[0])
    seen = 0
    for node in ir.walk((spec.rule, *spec.checked, *spec.body, *views)):
        span = node.span
        if span == ir.NOWHERE:  # said by the compiler: an argument's name inside a helper
            continue
        seen += 1
        assert 1 <= span.line <= span.end_line <= len(lines)
        assert 0 <= span.column <= len(lines[span.line - 1]) and span.end_column <= len(lines[span.end_line - 1])
        assert (span.line, span.column) < (span.end_line, span.end_column)
        spelled = lines[span.line - 1][span.column : span.end_column]
        if isinstance(node, ir.Slot | ir.Hyper | ir.Argument):
            assert spelled.startswith(node.name)
        elif isinstance(node, ir.Rule | ir.Function):
            assert spelled == node.name
    assert seen > 50
    for node in ir.walk(spec.rule):
        spelled = lines[node.span.line - 1][node.span.column : node.span.end_column]
        if isinstance(node, ir.Name):
            assert spelled == node.id
        elif isinstance(node, ir.Number):
            assert float(spelled) == node.value
        elif isinstance(node, ir.Expr | ir.Stmt):
            for child in ir.children(node):
                inside = (child.span.line, child.span.column) >= (node.span.line, node.span.column)
                assert inside and (child.span.end_line, child.span.end_column) <= (
                    node.span.end_line,
                    node.span.end_column,
                )


# Slots


def shapes(name: str, shape: tuple[int, ...], dtype: Any = "float32", **hypers: Any) -> dict[str, tuple]:
    return {n: (s.shape, s.dtype, s.init.kind) for n, s in adaspec.load(name).state(shape, dtype, **hypers).items()}


def test_slots_by_rank() -> None:
    assert shapes("adafactor", ()) == {"full": ((), "float32", "zeros")}
    assert shapes("adafactor", (5,)) == {"full": ((5,), "float32", "zeros")}
    assert shapes("adafactor", (4, 3)) == {"row": ((4,), "float32", "zeros"), "col": ((3,), "float32", "zeros")}
    assert shapes("adafactor", (2, 4, 3)) == {"row": ((2, 4), "float32", "zeros"), "col": ((2, 3), "float32", "zeros")}
    assert shapes("adafactor", (0, 3)) == {"row": ((0,), "float32", "zeros"), "col": ((3,), "float32", "zeros")}
    assert shapes("sgd", (4, 3)) == {}


@pytest.mark.parametrize(
    ("dtype", "kept"),
    [
        ("float16", "float32"),
        ("bfloat16", "float32"),
        ("float32", "float32"),
        ("float64", "float64"),
        (np.dtype("float16"), "float32"),
        (np.float64, "float64"),
        ("torch.bfloat16", "float32"),
    ],
)
def test_slots_of_half_precision_are_float32(dtype: Any, kept: str) -> None:
    assert {s[1] for s in shapes("prodigy", (2, 3), getattr(dtype, "__name__", dtype)).values()} == {kept}
    assert shapes("prodigy", (2,), dtype if not isinstance(dtype, type) else np.dtype(dtype))["x0"][2] == "copy"


def test_slots_by_hyperparameters() -> None:
    text = """
def rule(x: Param, g: Grad, m: Slot, v: Slot, w: Slot = ones.scalar, u: Slot = full(0.25), *, nesterov: Flag = False,
         limit: Optional[Positive] = None, k: Count = 0, lr: Rate = 0.1):
    flat = x.ndim < 2 or x.shape[-1] == 1
    if nesterov:
        m = m + g
    if limit is not None and not flat:
        v = v + clip(g, -limit, limit)
    if k > 2:
        w = w + norm(g)
    g = u if flat else g
    x = x - lr * g
    return x, m, v, w, u
"""
    spec = spec_of(text)
    assert list(spec.state((4, 3))) == []
    assert list(spec.state((4, 3), nesterov=True)) == ["m"]
    assert list(spec.state((4, 3), limit=1.0, k=3)) == ["v", "w"]
    assert list(spec.state((4,), limit=1.0, nesterov=True)) == ["m", "u"]
    assert list(spec.state((4, 1), limit=1.0)) == ["u"]
    assert spec.state((4, 3), k=9)["w"].shape == () and spec.state((4,))["u"].init.value == 0.25
    for shape in ((), (4,), (4, 3), (4, 1)):
        for hypers in ({}, {"nesterov": True}, {"limit": 1.0}, {"k": 3}):
            opt = adaspec.interpret(spec, **hypers)
            x = np.ones(shape)
            _, state = opt.step([x], [x], opt.init([x]))
            assert {n: a.shape for n, a in state.slots["0"].items()} == {
                n: s.shape for n, s in spec.state(shape, **hypers).items()
            }


# Loading


def test_names_are_what_load_takes(tmp_path: Path) -> None:
    names = adaspec.names()
    assert names == sorted(names) and set(RULES) <= set(names) and "adam:keras" in names
    assert [adaspec.load(n).name for n in RULES] == RULES
    for name in names:
        assert isinstance(adaspec.load(name), adaspec.Spec)
    assert adaspec.load("adam") is adaspec.load("adam")
    file = tmp_path / "mine.py"
    file.write_text(source("adam").replace("def adam", "def mine"), encoding="utf-8")
    assert adaspec.load(file) == adaspec.load(str(file)) and adaspec.load(file).name == "mine"


def test_a_dialect_is_its_host_with_other_defaults() -> None:
    spec = adaspec.load("adam:keras")
    assert spec.defaults["eps"] == 1e-7 and spec.name == "adam_eps_hat" and not spec.dialects
    assert spec.rule.body == adaspec.load("adam_eps_hat").rule.body


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("adamm", "did you mean 'adam'"),
        ("adam:kers", "did you mean 'adam:keras'"),
        ("no/such.py", "cannot be read: No such file"),
        ("nothing.py", "cannot be read"),
        ("zzz", "known here"),
    ],
)
def test_what_cannot_be_loaded(name: str, message: str) -> None:
    with pytest.raises(adaspec.SpecError, match=message):
        adaspec.load(name)


def test_errors_of_a_file_name_the_file(tmp_path: Path) -> None:
    file = tmp_path / "bad.py"
    file.write_bytes(b"\xef\xbb\xbfdef bad(x: Param, g: Grad):\r\n\tx = x - lr\r\n\treturn x\r\n")
    with pytest.raises(adaspec.SpecError) as caught:
        adaspec.load(file)
    error = caught.value
    assert (error.path, error.line, error.column, error.message) == (str(file), 2, 10, "unknown name 'lr'")
    assert str(error).startswith(f"{file}:2:10: unknown name 'lr'\n     x = x - lr\n             ^^\n")


@adaspec.optimizer
def decorated(x: Param, g: Grad, m: Slot = zeros, *, lr: Rate = 0.1):
    """Decorated: momentum in a module. Example, 2026."""
    m = m + g
    x = x - lr * m
    return x, m


def test_the_decorator_reads_the_function() -> None:
    assert isinstance(decorated, adaspec.Spec) and decorated.title == "Decorated: momentum in a module"
    opt = adaspec.interpret(decorated)
    params, _ = opt.step([np.ones(2)], [np.ones(2)], opt.init([np.ones(2)]))
    assert np.array_equal(params[0], np.full(2, 0.9))
    with pytest.raises(adaspec.SpecError, match="not at hand"):
        adaspec.optimizer(eval("lambda x: x"))


# Helpers of several values

MOMENTS = """
def moments(m: Array, v: Array, g: Array, b: Decay):
    m = b * m + (1 - b) * g
    return v, m, m * v


def mine(x: Param, g: Grad, m: Slot = zeros, v: Slot = ones, *, lr: Rate = 1e-3, b: Decay = 0.5):
"""


def test_the_values_of_a_helper_are_bound_together() -> None:
    """Names that the call itself reads change places: every value is computed before the first name is bound."""
    together = spec_of(MOMENTS + "    m, v, u = moments(m, v, g, b)\n    x = x - lr * u\n    return x, m, v\n")
    by_hand = spec_of(
        "def mine(x: Param, g: Grad, m: Slot = zeros, v: Slot = ones, *, lr: Rate = 1e-3, b: Decay = 0.5):\n"
        "    new = b * m + (1 - b) * g\n    u = new * v\n    m = v\n    v = new\n"
        "    x = x - lr * u\n    return x, m, v\n"
    )
    x, g = [np.array([1.0, 2.0])], [np.array([0.3, -0.4])]
    runs = [adaspec.interpret(spec) for spec in (together, by_hand)]
    states = [run.init(x) for run in runs]
    models = [x, x]
    for _ in range(3):
        stepped = [run.step(model, g, state) for run, model, state in zip(runs, models, states, strict=True)]
        models, states = [s[0] for s in stepped], [s[1] for s in stepped]
        assert np.array_equal(models[0][0], models[1][0])
        slots = [next(iter(state.slots.values())) for state in states]
        assert np.array_equal(slots[0]["m"], slots[1]["m"]) and np.array_equal(slots[0]["v"], slots[1]["v"])
    assert adaspec.parse(together.text) == together


def test_a_value_of_a_helper_may_be_left() -> None:
    spec = spec_of(MOMENTS + "    _, m, _ = moments(m, v, g, b)\n    x = x - lr * m * v\n    return x, m, v\n")
    opt = adaspec.interpret(spec)
    x, _ = opt.step([np.ones(2)], [np.ones(2)], opt.init([np.ones(2)]))
    assert np.allclose(x[0], 1 - 1e-3 * 0.5)
