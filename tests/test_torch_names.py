"""Hyperparameters of the torch classes by the spec's own names, and the names that nobody knows; of every rule."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import adaspec
from adaspec.library import rules
from test_torch import arrays, optimizer, parameters

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.needs_torch

RULES = rules()


def params(rule: str) -> list[Any]:
    return parameters(arrays(rule, 1)[0])


def held(group: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in group.items() if name != "params"}


@pytest.mark.parametrize("rule", RULES)
def test_the_names_of_the_spec_are_understood(rule: str) -> None:
    """Given by the spec's names: the same groups as by default; another value arrives, for one group too."""
    spec = adaspec.load(rule)
    cls = adaspec.build(spec, "torch")
    plain = cls(params(rule)).param_groups[0]
    for name, hyper in spec.hypers.items():
        assert held(cls(params(rule), **{name: hyper.default}).param_groups[0]) == held(plain)
    decays = [name for name, hyper in spec.hypers.items() if hyper.kind == "Decay"]
    if decays:
        given = {name: 0.25 + i / 8 for i, name in enumerate(decays)}
        wanted = held(cls(params(rule), **given).param_groups[0])
        assert wanted != held(plain)
        by_group = cls([{"params": params(rule), **given, "own": [1]}]).param_groups[0]
        assert by_group.pop("own") == [1] and held(by_group) == wanted


@pytest.mark.parametrize("rule", RULES)
def test_the_signature_is_real_and_other_names_are_refused(rule: str) -> None:
    cls = adaspec.build(adaspec.load(rule), "torch")
    signature = inspect.signature(cls)
    assert all(p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) for p in signature.parameters.values())
    name = next(n for n in reversed(signature.parameters) if len(n) > 4)
    pattern = rf"^{cls.__name__}\(\) got an unexpected keyword argument '{name[:-1]}': did you mean '{name}'\?$"
    with pytest.raises(TypeError, match=pattern):
        cls(params(rule), **{name[:-1]: 0.5})
    with pytest.raises(TypeError, match="'qqqqq': it takes params, "):
        cls(params(rule), qqqqq=0.5)


def test_one_value_by_two_names() -> None:
    cls = adaspec.build("adax", "torch")
    tensors = params("adax")
    for given in ({"betas": (0.5, 0.5), "beta1": 0.5}, {"beta2": 0.5, "betas": (0.5, 0.5)}):
        with pytest.raises(TypeError, match=r"AdaX.*'betas' and 'beta"):
            cls(tensors, **given)
        with pytest.raises(TypeError, match=r"AdaX.*'betas' and 'beta"):
            cls([{"params": tensors, **given}])
    with pytest.raises(TypeError, match="'betas' and 'beta1'"):
        cls(tensors, 0.1, (0.5, 0.5), beta1=0.5)
    with pytest.raises(TypeError, match="did you mean 'betas'"):
        cls(tensors, bta1=0.5)
    opt = cls(tensors[:1], beta1=0.5)
    assert opt.defaults["betas"] == (0.5, adaspec.load("adax").defaults["beta2"])
    with pytest.raises(ValueError, match=r"Invalid beta parameter at index 0: 1.5"):
        opt.add_param_group({"params": tensors[1:], "beta1": 1.5})
    with pytest.raises(TypeError, match="dict"):
        opt.add_param_group(tensors[1:])  # type: ignore[arg-type]
    assert len(opt.param_groups) == 1
    opt.add_param_group({"params": tensors[1:], "beta2": 0.75})
    assert opt.param_groups[1]["betas"] == (0.5, 0.75)


def test_the_names_of_the_spec_reach_the_rule() -> None:
    spec = adaspec.load("adam")
    both = [params("adam") for _ in range(2)]
    options = [{"betas": (0.25, 0.5)}, {"beta1": 0.25, "beta2": 0.5}]
    for tensors, given in zip(both, options, strict=True):
        opt = adaspec.build(spec, "torch")(tensors, **given)
        for p, g in zip(tensors, arrays("adam", 1)[1][0], strict=True):
            p.grad = torch.as_tensor(g)
        opt.step()
        opt.step()
    assert all(torch.equal(p, q) for p, q in zip(*both, strict=True))
    assert optimizer("adam", params("adam"), beta1=0.5).defaults["betas"][0] == 0.5


def test_the_names_of_the_spec_beside_words_of_a_dialect() -> None:
    """RMSprop of torch says alpha for decay, and momentum=0 for none; Rprop gathers what it grows and shrinks by."""
    rmsprop = adaspec.build("rmsprop:torch", "torch")
    for given, wanted in (
        ({"decay": 0.5}, ("alpha", 0.5)),
        ({"mu": None}, ("momentum", 0)),
        ({"mu": 0.5}, ("momentum", 0.5)),
    ):
        key, value = wanted
        assert rmsprop(params("adam"), **given).defaults[key] == value
    assert adaspec.build("rprop:torch", "torch")(params("adam"), grow=1.5).defaults["etas"] == (0.5, 1.5)


@pytest.mark.parametrize("rule", RULES)
def test_help_reads_as_torch_documents_itself(rule: str) -> None:
    """Title, source, the rule, every argument and slot, what is raised, and an example that names the class."""
    spec = adaspec.load(rule)
    cls = adaspec.build(spec, "torch")
    text = str(cls.__doc__)
    assert spec.title in " ".join(text.split()) and max(map(len, text.split("\n"))) <= 120
    for argument in inspect.signature(cls).parameters:
        assert f"\n        {argument}: " in text, argument
    for section in ("Args:", "The state of a parameter holds ``step``", "Raises:", "ValueError: ", "Example::"):
        assert f"\n    {section}" in text or f"\n        {section}" in text, section
    assert f"optimizer = {cls.__name__}(" in text and "        optimizer.step(" in text
    opt = cls(params(rule))
    for p in opt.param_groups[0]["params"]:
        p.grad = torch.ones_like(p)
    if all(i.optional for i in spec.inputs.values()):
        opt.step()
        for slots in opt.state.values():
            assert all(f"``{name}``" in text for name in slots)
