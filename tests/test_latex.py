"""Every rule of the library as LaTeX: well formed, complete, and with the time of every state in its place."""

from __future__ import annotations

import re

import pytest

import adaspec
from adaspec.latex import latex, lines, symbol
from adaspec.library import rules


@pytest.mark.parametrize("name", rules())
def test_every_rule_is_well_formed(name: str) -> None:
    found = latex(adaspec.load(name))
    assert found.startswith("\\begin{aligned}\n") and found.endswith("\n\\end{aligned}")
    bare = re.sub(r"\\[{}%_&#$]", "", found)
    assert bare.count("{") == bare.count("}")
    assert found.count("\\left") - found.count("\\lfloor") >= 0
    assert len(re.findall(r"\\left(?![a-z])", found)) == len(re.findall(r"\\right(?![a-z])", found))
    assert found.count("\\begin{") == found.count("\\end{")
    assert not re.search(r"_(\{[^{}]*\}|[^{\\])_", bare), "a double subscript"
    assert not re.search(r"\^(\{[^{}]*\}|[^{\\])\^", bare), "a double superscript"
    assert all(line.count("&") >= 1 for line in lines(adaspec.load(name)))


@pytest.mark.parametrize("name", rules())
def test_every_state_is_bound_for_this_step(name: str) -> None:
    spec = adaspec.load(name)
    found = latex(spec)
    assert f"{symbol(spec.rule.param, 't')} = " in found


def test_adax_reads_like_the_paper() -> None:
    assert lines(adaspec.load("adax")) == [
        r"\hat{\beta}_2(t, \beta_2) &= 1 - \frac{\beta_2}{\left(1 + \beta_2\right)^{t} - 1}",
        r"&b_2 = \hat{\beta}_2\left(t, \beta_2\right)",
        r"&m_t = \beta_1 \, m_{t-1} + \left(1 - \beta_1\right) \, g_t",
        r"&v_t = b_2 \, v_{t-1} + \left(1 - b_2\right) \, g_t^{2}",
        r"&x_t = x_{t-1} - \frac{\eta \, m_t}{\sqrt{v_t + \epsilon}}",
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("beta1", r"\beta_1"),
        ("v_hat", r"\hat{v}"),
        ("beta2_hat", r"\hat{\beta}_2"),
        ("lr", r"\eta"),
        ("eps2", r"\epsilon_2"),
        ("weight_decay", r"\lambda"),
        ("growth_rate", r"\mathrm{growth\_rate}"),
        ("x10", "x_{10}"),
    ],
)
def test_names_become_symbols(name: str, said: str) -> None:
    assert symbol(name) == said
