"""The weights that Schedule-Free is evaluated with are those of its authors' code, after every step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import adaspec
from originals import ORIGINALS, Original, Trial, distance, problem, theirs, trials
from originals.core import rates

FREE = [entry for entry in ORIGINALS if entry.library == "schedulefree"]


def evaluated(optimizer: Any, params: list[Any]) -> list[Any]:
    optimizer.eval()
    seen = [p.detach().clone() for p in params]
    optimizer.train()
    return seen


def views(entry: Original, trial: Trial) -> list[Any]:
    opt = adaspec.interpret(entry.name, **(trial.hypers or {}))
    params, grads = problem(entry, trial)
    state = opt.init(params)
    plan = rates(trial, opt.hypers["lr"], entry.steps)
    found = []
    for g, lr in zip(grads, plan, strict=True):
        params, state = opt.step(params, g, state, lr=lr)
        found.append(opt.view("eval", params, state))
    return found


@pytest.mark.needs_torch
@pytest.mark.parametrize("entry", FREE, ids=str)
def test_the_averaged_weights_are_theirs(entry: Original) -> None:
    pytest.importorskip("schedulefree")
    drawn = trials(entry)[1]
    start, _ = problem(entry, drawn)
    pairs = zip(views(entry, drawn), theirs(replace(entry, read=evaluated), drawn), strict=True)
    for t, (mine, yours) in enumerate(pairs, 1):
        # Switching there and back rounds the weights twice at each step.
        assert distance(mine, yours, start) <= 1e-11, f"step {t}"


def test_there_are_averages_to_see() -> None:
    assert len(FREE) == 3
