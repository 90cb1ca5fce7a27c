"""A rule that calls a rule is the called rule's function: composed by hand, the numbers are the same."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec import compose, index, ir, library, shelf
from adaspec.build import TARGETS
from adaspec.cli import main
from adaspec.verification import supplied
from problem import distance, problem

pytestmark = pytest.mark.filterwarnings("ignore::adaspec.SpecWarning")
RULES = sorted(library._files())
HEAD = "from adaspec.lang import *\n\n"

SAME = '''"""Same: what it wraps. Example, 2026."""
from adaspec.lang import *
def same(x: Param, g: Grad, t: Step, *, inner: Rule = "sgd"):
    x = inner(x, g, t)
    return x
'''
HALVED = '''"""Halved: half of a step with half of a gradient, and a slot to count. Example, 2026."""
from adaspec.lang import *
def halved(x: Param, g: Grad, t: Step, kept: Slot = copy, *,
           inner: Rule = "adam", alpha: Decay = 0.5, eps: Rate = 0.25):
    u = x - inner(x, g / 2, t)
    x = x - alpha * u
    kept = kept + eps * u
    return x, kept
'''


class Text:
    def __init__(self, text: str) -> None:
        self.text = text

    def read_bytes(self) -> bytes:
        return self.text.encode()


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Add rules to the library for the length of a test."""
    files = dict(library._files())
    for module, name in ((shelf, "files"), (library, "_files")):
        monkeypatch.setattr(module, name, lambda: files)

    def clear() -> None:
        for cached in (compose.raw, library._library, library._wrapped, index.heading, index.dialects, index.host):
            cached.cache_clear()
        compose._FLAT.clear()

    def add(**texts: str) -> None:
        files.update({name: Text(text) for name, text in texts.items()})
        clear()

    clear()
    monkeypatch.setattr(compose, "_FLAT", {})
    yield add
    clear()


SHAPES = ((), (5,), (4, 3), (3, 5), (6, 6), (2, 2, 4, 3))


def model(rule: str, steps: int = 6) -> tuple[list[np.ndarray], list[list[np.ndarray]], list[dict[str, Any]]]:
    """Parameters, gradients and inputs that the rule takes."""
    spec, rng = adaspec.load(rule), np.random.default_rng(0)
    shapes = []
    for shape in SHAPES:
        try:
            spec.check_shape(shape)
        except ValueError:
            continue
        shapes.append(shape)
    grads = [[np.asarray(rng.normal(size=shape)) for shape in shapes] for _ in range(steps)]
    inputs = [supplied(spec, 0, step, g) for step, g in enumerate(grads)]
    return [np.asarray(rng.normal(size=shape)) for shape in shapes], grads, inputs


def run(spec: Any, rule: str, steps: int = 6) -> list[list[np.ndarray]]:
    params, grads, inputs = model(rule, steps)
    opt = adaspec.interpret(spec)
    state = opt.init(params)
    found = []
    for g, given in zip(grads, inputs, strict=True):
        params, state = opt.step(params, g, state, **given)
        found.append(params)
    return found


@pytest.mark.sampled
@pytest.mark.parametrize("rule", RULES)
def test_a_wrapper_that_adds_nothing_is_the_rule_bit_for_bit(rule: str, put: Any) -> None:
    put(same=SAME)
    spec, plain = adaspec.load(f"same({rule})"), adaspec.load(rule)
    assert spec.name == f"same_{rule}" and adaspec.parse(spec.text) == spec
    assert spec.defaults == plain.defaults and list(spec.views) == list(plain.views)
    assert [s.removeprefix(f"{rule}_") for s in (*spec.slots, *spec.shared)] == [*plain.slots, *plain.shared]
    for ours, theirs in zip(run(spec, rule), run(plain, rule), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.sampled
@pytest.mark.parametrize("rule", RULES)
def test_a_call_is_a_function_of_the_parameter_and_the_gradient(rule: str, put: Any) -> None:
    put(halved=HALVED)
    params, grads, inputs = model(rule)
    inner = adaspec.interpret(rule)
    state, start = inner.init(params), params
    kept = [x.copy() for x in params]
    found = run(f"halved({rule})", rule)
    for g, given, ours in zip(grads, inputs, found, strict=True):
        new, state = inner.step(params, [h / 2 for h in g], state, **given)
        kept = [k + 0.25 * (x - n) for k, x, n in zip(kept, params, new, strict=True)]
        params = [x - 0.5 * (x - n) for x, n in zip(params, new, strict=True)]
        assert distance(ours, params) <= 1e-13
    assert distance(params, start) > 0 or rule in ("adam_poly",)


def test_a_clash_of_hyperparameters_in_a_wrapper_is_two() -> None:
    flat = compose.wrapped(adaspec_rule(HALVED), adaspec.load("adam").rule, "adam")
    assert [h.name for h in flat.hypers] == ["lr", "beta1", "beta2", "adam_eps", "alpha", "eps"]
    assert [h.default for h in flat.hypers] == [1e-3, 0.9, 0.999, 1e-8, 0.5, 0.25]


def adaspec_rule(text: str) -> ir.Rule:
    from adaspec.parse import parse_rule

    return parse_rule(text)


def test_a_rule_called_by_name_shares_what_the_caller_declares_and_takes_what_is_given() -> None:
    text = '''"""Caller: calls. Example, 2026."""
from adaspec.lang import *
def caller(x: Param, g: Grad, t: Step, *, lr: Rate = 0.5, warm: Count = 4):
    x = lamb(x, g, t, beta2=0.5, eps=lr * 1e-6, weight_decay=lr)
    return x
'''
    spec = adaspec.parse(text)
    assert spec.defaults == {"lr": 0.5, "warm": 4, "beta1": 0.9}
    assert list(spec.slots) == ["lamb_m", "lamb_v"]
    params, grads = problem("lamb", steps=5)
    ours, theirs = adaspec.interpret(spec), adaspec.interpret("lamb", lr=0.5, beta2=0.5, eps=0.5e-6, weight_decay=0.5)
    a, b = ours.init(params), theirs.init(params)
    x = y = params
    for g in grads:
        (x, a), (y, b) = ours.step(x, g, a), theirs.step(y, g, b)
        assert distance(x, y) <= 1e-13


def test_flags_and_nones_that_are_given_leave_no_branch_behind() -> None:
    text = (
        '"""C: c. Example, 2026."""\n'
        + HEAD
        + """def c(x: Param, g: Grad, t: Step, *, lr: Rate = 1e-3):
    x = adamw_mx(x, g, t, clip_gradient=None, rescale_grad=-1.0)
    return x
"""
    )
    spec = adaspec.parse(text)
    assert "if " not in spec.text and "clip" not in spec.text
    text = text.replace("clip_gradient=None", "clip_gradient=lr")
    assert "if " not in adaspec.parse(text).text and "clip(" in adaspec.parse(text).text


def test_two_calls_of_a_rule_advance_one_state(put: Any) -> None:
    text = (
        '"""C: c. Example, 2026."""\n'
        + HEAD
        + """def c(x: Param, g: Grad, t: Step):
    x = momentum(x, g, t)
    x = momentum(x, g / 2, t)
    return x
"""
    )
    spec = adaspec.parse(text)
    assert list(spec.slots) == ["momentum_m"] or len(spec.slots) == 1
    params, grads = problem("momentum", steps=5)
    ours, theirs = adaspec.interpret(spec), adaspec.interpret("momentum")
    a, b = ours.init(params), theirs.init(params)
    x = y = params
    for g in grads:
        x, a = ours.step(x, g, a)
        y, b = theirs.step(y, g, b)
        y, b = theirs.step(y, [h / 2 for h in g], b)
        assert distance(x, y) <= 1e-14


def test_a_first_gradient_is_the_one_that_the_call_gets(put: Any) -> None:
    first = '''"""First: from the first gradient on. Example, 2026."""
from adaspec.lang import *
def first(x: Param, g: Grad, m: Slot = first_grad, *, lr: Rate = 0.1):
    m = 0.5 * m + 0.5 * g
    x = x - lr * m
    return x, m
'''
    third = SAME.replace("same", "third").replace(
        "    x = inner(x, g, t)", "    if t % 3 == 0:\n        x = inner(x, g, t // 3)"
    )
    put(first=first, same=SAME, halved=HALVED, third=third)
    assert adaspec.load("same(first)").slots["first_m"].init.kind == "first_grad"
    assert adaspec.load("halved(first)").slots["first_m"].init.kind == "zeros"
    inner = adaspec.interpret("first")
    params, grads = [np.ones(2)], [[np.array([1.0, -3.0])], [np.array([2.0, 5.0])]]
    state = inner.init(params)
    opt = adaspec.interpret("halved(first)")
    ours, mine = params, opt.init(params)
    for g in grads:
        new, state = inner.step(params, [g[0] / 2], state)
        params = [(params[0] + new[0]) / 2]
        ours, mine = opt.step(ours, g, mine)
        np.testing.assert_allclose(ours[0], params[0], rtol=1e-15)
    opt, params = adaspec.interpret("third(first)"), [np.ones(2)]
    state = opt.init(params)
    for k in range(1, 7):
        params, state = opt.step(params, [np.full(2, float(k))], state)
    np.testing.assert_allclose(params[0], 1 - 0.1 * (3 + (3 + 6) / 2), rtol=1e-15)


def test_what_is_read_at_init_follows_the_hyperparameter(put: Any) -> None:
    begun = '''"""Begun: begins with lr. Example, 2026."""
from adaspec.lang import *
def begun(x: Param, g: Grad, r: Slot = full("lr"), d: Shared = "lr", *, lr: Rate = 0.25):
    r = r / 2
    d = d + 1
    x = x - r * d * g
    return x, r, d
'''
    put(begun=begun, same=SAME)
    assert adaspec.load("same(begun)").slots["begun_r"].init.value == "lr"
    call = (
        '"""C: c. Example, 2026."""\n'
        + HEAD
        + """def c(x: Param, g: Grad, *, rate: Rate = 1.0):
    x = begun(x, g, lr=LR)
    return x
"""
    )
    assert adaspec.parse(call.replace("LR", "rate")).shared["begun_d"].initial == "rate"
    assert adaspec.parse(call.replace("LR", "0.125")).shared["begun_d"].initial == 0.125
    with pytest.raises(adaspec.SpecError, match="'begun' reads 'lr' at init, and the call computes it"):
        adaspec.parse(call.replace("LR", "2 * rate"))


def test_a_view_survives_where_the_parameter_is_what_the_call_made_of_it(put: Any) -> None:
    put(same=SAME, halved=HALVED)
    assert list(adaspec.load("same(schedule_free)").views) == ["eval"]
    assert list(adaspec.load("halved(schedule_free)").views) == []
    params, grads = problem("schedule_free", steps=4)
    ours, theirs = adaspec.interpret("same(schedule_free)"), adaspec.interpret("schedule_free")
    a, b = ours.init(params), theirs.init(params)
    x = y = params
    for g in grads:
        (x, a), (y, b) = ours.step(x, g, a), theirs.step(y, g, b)
    assert distance(ours.view("eval", x, a), theirs.view("eval", y, b)) == 0


def test_a_schedule_stays_replaceable(put: Any) -> None:
    put(same=SAME)
    spec = adaspec.load("same(adax)")
    assert spec.evaluate("beta2_hat", 7) == adaspec.load("adax").evaluate("beta2_hat", 7)
    other = spec.replace(beta2_hat="1 - t**-c", c=0.8)
    assert "c" in other.hypers and "beta2" not in other.hypers


def test_wrappers_nest_and_a_plus_is_a_bracket(put: Any) -> None:
    put(same=SAME, halved=HALVED)
    spec = adaspec.load("halved(same(lamb))")
    assert spec == adaspec.load("halved + same + lamb") == adaspec.load("halved(same + lamb)")
    assert spec.name == "halved_same_lamb" and spec.class_name == "HalvedSameLAMB"
    assert list(spec.slots) == ["kept", "same_lamb_m", "same_lamb_v"]
    assert spec.title.startswith("HalvedSameLAMB: half of a step") and "arXiv:1904.00962" in spec.rule.doc
    assert adaspec.load("same + adam:paper").name == "same_adam"
    assert adaspec.load("halved").defaults == adaspec.load("halved(adam)").defaults


def test_a_path_may_be_wrapped(put: Any, tmp_path: Path) -> None:
    put(same=SAME)
    (tmp_path / "mine.py").write_text(
        SAME.replace("same", "mine").replace("inner(x, g, t)", "x - 0.5 * g").replace(', *, inner: Rule = "sgd"', "")
    )
    spec = adaspec.load(f"same({tmp_path / 'mine.py'})")
    assert spec.name == "same_mine"
    (tmp_path / "mine.py").write_text((tmp_path / "mine.py").read_text().replace("0.5", "0.25"))
    assert adaspec.load(f"same({tmp_path / 'mine.py'})") != spec


def test_the_hash_changes_with_the_called_rule(put: Any) -> None:
    call = SAME.replace('inner: Rule = "sgd"', "lr: Rate = 0.1").replace("inner(", "own(").replace("same", "mine")
    own = (
        SAME.replace("same", "own")
        .replace('inner: Rule = "sgd"', "lr: Rate = 0.1")
        .replace("inner(x, g, t)", "x - lr * g")
    )
    put(own=own)
    before = adaspec.parse(call).hash
    put(own=own.replace("lr * g", "2 * lr * g"))
    assert adaspec.parse(call).hash != before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("same(lamp)", "no spec named 'lamp' in the library"),
        ("sane(lamb)", "no wrapper named 'sane' in the library"),
        ("lamb(same)", "'lamb' is no wrapper: no rule stands in its brackets"),
        ("same(lamb", "no spec named 'same(lamb' in the library"),
        ("same()", "no composition of rules: 'same()', at ')'"),
        ("same(lamb))", "no composition of rules: 'same(lamb))', at ')'"),
        ("same + + lamb", "no composition of rules: 'same + + lamb', at '+'"),
        ("same(same(same(same(same(same(lamb))))))", "a composition of more than 6 rules: 'same(same("),
        ("other(sgd)", "'sgd' has no hyperparameter 'beta1', which 'other' gives it"),
        ("refused(picky)", "'picky' refuses this call"),
    ],
)
def test_what_cannot_be_composed_is_told(text: str, message: str, put: Any) -> None:
    other = SAME.replace("same", "other").replace("g, t)", "g, t, beta1=0.5)").replace('"sgd"', '"adam"')
    picky = (
        SAME.replace("same", "picky")
        .replace('inner: Rule = "sgd"', "fast: Flag = True")
        .replace("x = inner(x, g, t)", 'assert fast, "be fast"\n    x = x - g')
    )
    refused = SAME.replace("same", "refused").replace('"sgd"', '"picky"').replace("g, t)", "g, t, fast=False)")
    put(same=SAME, other=other, picky=picky, refused=refused)
    with pytest.raises(adaspec.SpecError) as caught:
        adaspec.load(text)
    assert caught.value.message.startswith(message) and caught.value.hint


def test_rules_that_call_each_other_are_refused(put: Any) -> None:
    text = (
        '"""A: a. Example, 2026."""\n' + HEAD + "def a(x: Param, g: Grad, t: Step):\n    x = b(x, g, t)\n    return x\n"
    )
    put(a=text, b=text.replace("b(", "a(").replace("def a(", "def b("))
    with pytest.raises(adaspec.SpecError, match="rules that call each other: 'a' calls 'b' calls 'a'") as caught:
        adaspec.load("a")
    assert caught.value.path == "b.py" and caught.value.line == 5
    deep = {f"r{k}": text.replace("def a(", f"def r{k}(").replace("b(", f"r{k + 1}(") for k in range(7)}
    put(**deep, r7=text.replace("def a(", "def r7(").replace("b(x, g, t)", "x - g"))
    with pytest.raises(adaspec.SpecError, match="rules that call rules deeper than 5"):
        adaspec.load("r0")
    long = "a" * 58
    put(
        **{
            long: SAME.replace("def same", f"def {long}")
            .replace('inner: Rule = "sgd"', "lr: Rate = 0.1")
            .replace("g: Grad, t: Step", "g: Grad, t: Step, mean: Slot = zeros")
            .replace("inner(x, g, t)", "x - lr * g")
            .replace("return x", "return x, mean")
        }
    )
    with pytest.raises(adaspec.SpecError, match="is longer than 60"):
        adaspec.parse(text.replace("b(x", f"{long}(x"))


@pytest.mark.parametrize("name", library.wrappers())
def test_a_wrapper_of_the_library_is_around_its_default(name: str) -> None:
    default = compose.raw(name).inner
    assert default is not None
    spec, around = adaspec.load(name), adaspec.load(f"{name}({default.default})")
    assert spec.rule.body == around.rule.body and spec.defaults == around.defaults and spec.slots == around.slots


@pytest.mark.parametrize("inner", ["muon", pytest.param("adafactor", marks=pytest.mark.prove)])
@pytest.mark.parametrize("name", library.wrappers())
def test_a_wrapper_of_the_library_takes_rules_of_every_kind(name: str, inner: str) -> None:
    """Facts of the shape, loops and products inside; accumulation puts them into a real branch."""
    spec = adaspec.load(f"{name}({inner})")
    for target in TARGETS:
        adaspec.export(spec, target)
    assert adaspec.verify(spec, ["numpy"], steps=6, dtypes=("float64",)).ok


def test_facts_of_the_shape_stand_in_front_of_a_real_branch() -> None:
    body = adaspec.load("accumulate(muon)").checked
    (branch,) = [s for s in body if isinstance(s, ir.When) and len(s.then) > 5]
    facts = [s for s in body if isinstance(s, ir.Assign) and isinstance(s.value, ir.Compare)]
    assert facts and body.index(facts[0]) < body.index(branch)
    assert not {s.name for s in facts} & set(ir.assigned((branch,)))


@pytest.mark.parametrize("typed", ["clip + lamb", "cautious(adamw)", "lookahead(radam)", "decay + clip + adam:paper"])
def test_what_one_types_at_a_shell(typed: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    spec = adaspec.load(typed)
    assert main(["show", typed]) == 0
    assert spec.text in capsys.readouterr().out
    assert main(["export", typed, "--to", "jax", "-o", str(tmp_path / "made.py")]) == 0
    assert f"def {spec.name}(" in (tmp_path / "made.py").read_text()
    assert main(["verify", typed, "--targets", "numpy", "--steps", "5"]) == 0
    assert main(["check", typed]) == 0
    assert main(["show", f"{typed}("]) == 2
    assert main(["show", "adam(lamb)"]) == 2
    assert "'adam' is no wrapper" in capsys.readouterr().err


def test_a_wrapper_around_itself_has_everything_twice() -> None:
    spec = adaspec.load("lookahead(lookahead(sgd))")
    assert list(spec.slots) == ["slow", "lookahead_slow"]
    assert list(spec.hypers) == ["lr", "lookahead_k", "lookahead_alpha", "lookahead_late", "k", "alpha", "late"]


@pytest.mark.needs_torch
def test_a_composition_pickles_and_is_shown_by_tracebacks() -> None:
    import torch

    params = [torch.nn.Parameter(torch.ones(3))]
    optimizer: Any = adaspec.build("lookahead(clip(radam))", "torch")(params, lr=0.5, k=2)
    params[0].grad = torch.ones(3)
    for _ in range(3):
        optimizer.step()
    again = pickle.loads(pickle.dumps(optimizer))
    assert type(again).__name__ == "LookaheadClipRAdam" and again.param_groups[0]["k"] == 2
    state = next(iter(again.state.values()))
    assert set(state) == {"step", "slow", "clip_radam_m", "clip_radam_v"}
