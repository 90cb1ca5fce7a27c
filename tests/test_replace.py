"""`spec.replace`: other schedules, defaults and beginnings; what comes out is a spec like any other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec.ir import Init

ADAX = adaspec.load("adax")


def run(spec: adaspec.Spec, steps: int = 3) -> np.ndarray:
    opt = adaspec.interpret(spec)
    params = [np.array([1.0, -2.0])]
    state = opt.init(params)
    for k in range(steps):
        params, state = opt.step(params, [np.array([0.3, -0.7 + k])], state)
    return params[0]


def test_another_schedule() -> None:
    spec = ADAX.replace(beta2_hat="1 - t**-c", c=0.8)
    assert list(spec.hypers) == ["lr", "beta1", "eps", "c"], "nothing reads beta2 any longer"
    assert spec.hypers["c"].kind == "Positive" and spec.defaults["c"] == 0.8
    for t in (1, 2, 10, 10**9):
        assert spec.evaluate("beta2_hat", t) == pytest.approx(1 - t**-0.8, rel=1e-15)
        assert spec.evaluate("beta2_hat", t, c=0.5) == pytest.approx(1 - t**-0.5, rel=1e-15)
    again = adaspec.parse(spec.text)
    assert again == spec and again.rule == spec.rule and ADAX.replace(beta2_hat="1 - t**-c", c=0.8) == spec
    assert list(ADAX.hypers) == ["lr", "beta1", "beta2", "eps"], "a spec never changes"


def test_a_schedule_may_use_the_old_arguments_other_hyperparameters_and_no_t() -> None:
    spec = ADAX.replace(beta2_hat="where(t < 3, beta2, 1 - beta1 / t)")
    assert spec.evaluate("beta2_hat", 2) == 1e-4 and spec.evaluate("beta2_hat", 3) == 1 - 0.9 / 3
    assert list(spec.hypers) == ["lr", "beta1", "beta2", "eps"]
    flat = ADAX.replace(beta2_hat="0.5")
    assert flat.evaluate("beta2_hat", 7) == 0.5 and list(flat.hypers) == ["lr", "beta1", "eps"]
    m = v = np.zeros(2)
    x = np.array([1.0, -2.0])
    for k in range(3):
        g = np.array([0.3, -0.7 + k])
        m, v = 0.9 * m + 0.1 * g, 0.5 * v + 0.5 * g**2
        x = x - 1e-3 * m / np.sqrt(v + 1e-8)
    np.testing.assert_allclose(run(flat), x, rtol=1e-15)


def test_the_same_schedule_is_the_same_rule() -> None:
    same = ADAX.replace(beta2_hat="1 - beta2 / ((1 + beta2)**t - 1)")
    assert same == ADAX.replace(lr=1e-3) and np.array_equal(run(same), run(ADAX))


def test_other_defaults() -> None:
    spec = ADAX.replace(lr=0.5, eps=1)
    assert spec.defaults == ADAX.defaults | {"lr": 0.5, "eps": 1} and isinstance(spec.defaults["eps"], int)
    assert spec.rule.body == ADAX.rule.body and spec.schedules == ADAX.schedules
    assert ADAX.replace(lr=np.float32(0.25)).defaults["lr"] == 0.25 and ADAX.replace(lr=np.array(0.25)) == ADAX.replace(
        lr=0.25
    )
    assert adaspec.load("muon").replace(steps=np.int64(7)).defaults["steps"] == 7
    assert (
        adaspec.load("adam_l2").replace(clip_gradient=1.0).replace(clip_gradient=None).defaults["clip_gradient"] is None
    )
    assert ADAX.replace() == ADAX.replace(lr=1e-3)
    assert not adaspec.load("adam_l2").replace(lr=0.1).dialects, "a dialect speaks of the rule as it was"


def test_other_beginnings() -> None:
    spec = ADAX.replace(v="full(0.25)", m="first_grad")
    assert spec.slots["v"].init == Init("full", 0.25) and spec.slots["m"].init == Init("first_grad")
    state = adaspec.interpret(spec).init([np.ones(2)])
    assert np.array_equal(state.slots["0"]["v"], [0.25, 0.25])
    factored = adaspec.load("adafactor").replace(row="ones.without(-1)")
    assert factored.state((2, 3))["row"].init.value == 1.0


def test_several_at_once() -> None:
    spec = ADAX.replace(beta2_hat="1 - c / (t + d)", c=0.5, d=0, lr=2.0, v="ones")
    assert spec.defaults == {"lr": 2.0, "beta1": 0.9, "eps": 1e-8, "c": 0.5, "d": 0}
    assert (spec.hypers["c"].kind, spec.hypers["d"].kind) == ("Positive", "Rate")
    assert ADAX.replace(beta2_hat="exp(c / t) / 9", c=-1.5).hypers["c"].kind == "Real"


def test_the_result_pickles_and_exports() -> None:
    import pickle

    spec = ADAX.replace(beta2_hat="1 - t**-c", c=0.8)
    assert pickle.loads(pickle.dumps(spec)) == spec
    optimizer = adaspec.build(spec, "numpy")()
    params = [np.array([1.0, -2.0])]
    state = optimizer.init(params)
    for k in range(3):
        optimizer.step(params, [np.array([0.3, -0.7 + k])], state)
    np.testing.assert_allclose(params[0], run(spec), rtol=1e-14)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown name": ({"lrr": 0.1}, "adax has no 'lrr'\n  did you mean 'lr'?"),
    "a name without a default": ({"beta2_hat": "1 - t**-c"}, "'c' is new in the schedule 'beta2_hat'"),
    "a default that is no number": ({"beta2_hat": "1 - t**-c", "c": "0.8"}, "the default of 'c' is '0.8'"),
    "a default that is not finite": ({"beta2_hat": "1 - t**-c", "c": float("inf")}, "the default of 'c' is inf"),
    "a default for nothing": ({"c": 0.8}, "adax has no 'c'"),
    "a gradient": ({"beta2_hat": "norm(g)"}, "'g' is a name of the rule 'adax', and no hyperparameter"),
    "a local": ({"beta2_hat": "b2 / 2", "b2": 0.5}, "'b2' is a name of the rule 'adax'"),
    "syntax": ({"beta2_hat": "1 - "}, "<beta2_hat>:1:4: not Python syntax"),
    "a column": ({"beta2_hat": "1 - t + lambda: 1"}, "<beta2_hat>:1:9: "),
    "a statement": ({"beta2_hat": "t = 1"}, "<beta2_hat>:1:1: one expression was expected"),
    "two expressions": ({"beta2_hat": "t\nt"}, "one expression was expected"),
    "no text": ({"beta2_hat": 0.5}, "is replaced by an expression, given as text"),
    "an unknown function": ({"beta2_hat": "cosine(t)"}, "unknown function 'cosine'"),
    "code": ({"beta2_hat": "__import__('os')"}, "<beta2_hat>:1:1: the name '__import__' is not for specs"),
    "a truth value": ({"beta2_hat": "t > 1"}, "a schedule is a number"),
    "what is never real": ({"beta2_hat": "log(-t)"}, "never positive"),
    "outside": ({"lr": -1.0}, "the default of 'lr' is -1.0, outside its domain Rate: [0, inf)"),
    "nan": ({"lr": float("nan")}, "outside its domain"),
    "a truth value for a number": ({"lr": True}, "outside its domain"),
    "text for a number": ({"lr": "0.1"}, "the hyperparameter 'lr' takes a number, not text"),
    "None": ({"lr": None}, "lr=None needs the kind Optional[Rate]"),
    "no initialiser": ({"v": "empty"}, "<v>:1:1: not a way for a slot to begin"),
    "a number for a slot": ({"v": 0.1}, "the slot 'v' is replaced by an initialiser"),
    "several initialisers": ({"v": "zeros; ones"}, "not an initialiser"),
    "a statement for an initialiser": ({"v": "q = zeros"}, "not an initialiser"),
    "another shape": ({"v": "zeros.without(-1)"}, "the ranks differ"),
    "an injection": ({"v": "zeros, *, evil: Rate = 1"}, "not Python syntax"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_replaced(case: str) -> None:
    changes, message = REFUSED[case]
    with pytest.raises(adaspec.SpecError) as caught:
        ADAX.replace(**changes)
    assert message in str(caught.value), str(caught.value)


def test_a_hyperparameter_that_a_view_or_helper_reads_stays() -> None:
    with pytest.warns(adaspec.SpecWarning, match="'d' is never read"):
        spec = adaspec.parse('''"""Mine: an example. Example, 2026."""


@schedule
def kept(t: Step, *, b: Decay, c: Rate):
    return 1 - b * c


def scaled(a: Array, s: Scalar):
    return a * s


def mine(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 0.1, b: Decay = 0.5, c: Rate = 0.2, d: Rate = 0.3):
    m = kept(t, b=b, c=c) * m + g
    x = x - scaled(m, lr)
    return x, m


@view("eval")
def ahead(x: Param, *, c: Rate):
    return x * c
''')
    found = spec.replace(kept="1 / t")
    assert list(found.hypers) == ["lr", "c", "d"], "b alone is gone: c is the view's, d was unused before"
    assert found.evaluate("kept", 4) == 0.25
