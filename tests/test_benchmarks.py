"""The benchmarks run and do what they say; what they measure is for people to read, not for a busy machine."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec import library
from adaspec.bench import loops, suite
from adaspec.bench.naive import NotNaive, naive
from adaspec.bench.originals import Peer, peers
from adaspec.bench.race import Budget, Contender, race
from adaspec.bench.traffic import Traffic, traffic
from adaspec.bench.workloads import WORKLOADS, fitting, size
from adaspec.build import TARGETS
from adaspec.cli import main
from adaspec.cli.terminal import console

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import __main__ as bench  # noqa: E402
from benchmarks import tables  # noqa: E402
from benchmarks.goals import DEFAULT, GOALS, LIMIT, PEER, Goal, outcomes  # noqa: E402
from benchmarks.rules import RULES  # noqa: E402


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal in which every table has all its columns."""
    monkeypatch.setenv("COLUMNS", "140")


def contest(rule: str = "adam", **times: float) -> dict[str, Any]:
    """A contest of those contenders, with the limit at 1 ms."""
    kinds = {"limit": "limit", "adaspec": "ours"}
    rows = [
        {"contender": name.replace("_", " "), "kind": kinds.get(name, "peer"), "ms": ms, "of_limit": ms}
        | {"temporaries": None, "first_ms": 1.0, "gb_per_s": 1.0}
        for name, ms in {"limit": 1.0, **times}.items()
    ]
    return {"target": "torch", "threads": 1, "workload": "mlp", "rule": rule, "rows": rows}


def test_a_quick_run_and_its_comparison(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "present", lambda target: target == "numpy")
    words = ["--quick", "--target", "numpy,torch", "--workload", "mlp", "--threads", "1", "--rule", "adam,muon"]
    assert bench.main([*words, "--out", str(tmp_path), "--name", "one"]) == 0
    record = suite.load(tmp_path / "one.json")
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    first, second = record["contests"]
    assert [first[name] for name in suite.PLACE] == ["numpy", 1, "mlp", "adam"] and second["rule"] == "muon"
    assert first["parameters"] == 99738 and first["bytes_per_parameter"] == 28
    names = {row["contender"]: row["kind"] for row in first["rows"]}
    assert names["adaspec"] == "ours" and names["adaspec arrays"] == "other" and names["naive NumPy"] == "peer"
    assert all(row["ms"] > 0 and row["of_limit"] > 0 for row in first["rows"])
    assert {row["target"] for row in record["startup"]} == {"numpy"} and record["startup"][0]["import_ms"] > 0
    out = capsys.readouterr().out
    assert "not measured: torch is not installed" in out
    for said in ("naive NumPy", "goals", "import ≤ 50 ms"):
        assert said in out, out
    assert "than before" not in out
    now = copy.deepcopy(record)
    for row in now["contests"][0]["rows"]:
        row["of_limit"] /= 2
    tables.show(console(), now, record, every=False)
    lines = {line.split()[1]: line for line in capsys.readouterr().out.splitlines() if "naive NumPy" in line}
    assert lines["adam"].endswith(" 2.00")


def test_a_summary_can_be_read_in_eighty_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    record = {"contests": [contest("ademamix", adaspec=1.5, naive_NumPy=9.0)], "startup": []}
    record |= {"machine": {"processor": "one", "processors": 1}, "versions": {}}
    tables.show(console(), record, None, every=False)
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("mlp") and "ademamix" in line and "naive" in line for line in lines), lines
    assert max(map(len, lines)) <= 80


def test_what_was_measured_before_an_interruption_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*_: Any) -> Iterator[dict[str, Any]]:
        yield contest(adaspec=1.5, torch_Adam_fused=3.0)
        raise KeyboardInterrupt

    monkeypatch.setattr(bench.suite, "run", run)
    monkeypatch.setattr(bench.startup, "NEEDS", {})
    assert bench.main(["--out", str(tmp_path)]) == 130
    assert len(suite.load(tmp_path / "bench.json")["contests"]) == 1
    out = capsys.readouterr().out
    assert "torch Adam fused" in out and " 2.00 " in out and "interrupted" in out


def test_a_record_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.json").write_text('{"schema": 0, "contests": []}')
    assert bench.main(["--against", str(tmp_path / "x.json")]) == 2
    assert "another form" in capsys.readouterr().err
    (tmp_path / "x.json").write_text("[]")
    assert bench.main(["--against", str(tmp_path / "x.json")]) == 2
    assert bench.main(["--against", str(tmp_path / "none.json")]) == 2


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rule = tmp_path / "mine.py"
    rule.write_text(
        "'''Mine: a rule.'''\nfrom adaspec.lang import *\n\n\n"
        "def mine(x: Param, g: Grad, m: Slot = zeros, *, lr: Rate = 0.1):\n"
        "    m = m + g\n    x = x - lr * m\n    return x, m\n"
    )
    words = ["bench", str(rule), "--targets", "numpy", "--workloads", "mlp", "--quick"]
    assert main([*words, "--json", str(tmp_path / "out.json")]) == 0
    out = capsys.readouterr().out
    assert "20 bytes for each parameter" in out and "naive NumPy" in out and "× limit" in out
    (found,) = json.loads((tmp_path / "out.json").read_text())["contests"]
    assert found["rule"] == "mine" and found["tensors"] == 6
    assert main([*words, "--against", str(tmp_path / "out.json")]) == 0
    assert "than before" in capsys.readouterr().out
    assert main(["bench", "sofo", "--quick"]) == 2
    assert main(["bench", "adam", "--against", str(rule)]) == 2
    assert main(["bench", "adam", "--workloads", "large"]) == 2
    assert main(["bench", "adam", "--threads", "0"]) == 2
    capsys.readouterr()
    assert main(["bench", "adahessian", "--quick"]) == 2
    assert "only steps of gradients" in capsys.readouterr().err


def test_a_contest_that_takes_its_process_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an error of its own; those before and after it are measured."""
    shapes = [(3, 2)]
    plan = [
        {"target": "numpy", "threads": 1, "workload": "mlp", "rule": str(i), "shapes": shapes, "spec": "sgd", **rule}
        for i, rule in enumerate([{"text": "no rule"}, {"extra": ["faulthandler._sigsegv"]}, {}])
    ]
    said: list[str] = []
    wrong, down, right = suite.run(plan, {"rounds": 1, "seconds": 0.0}, said.append)
    assert "SpecError" in wrong["error"] and wrong["rule"] == "0"
    assert down["error"] and "rows" not in down and down["rule"] == "1"
    assert right["rows"] and right["rule"] == "2" and any("2, mlp" in line for line in said)


@pytest.mark.parametrize(
    ("text", "said"),
    [("raise RuntimeError('it is broken')", "it is broken"), ("import os; os._exit(3)", "ended without a word")],
)
def test_a_framework_that_does_not_start(text: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "optax.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    row = {"target": "jax", "threads": 1, "workload": "mlp", "spec": "sgd", "shapes": [(3,)]}
    plan = [row | {"rule": str(i)} for i in range(3)]
    found = list(suite.run(plan, {"rounds": 1, "seconds": 0.0}, lambda what: None))
    assert [c["rule"] for c in found] == ["0", "1", "2"] and all(said in c["error"] for c in found)


@pytest.mark.skipif(loops.compiler() is None, reason="there is no C compiler")
@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.loop])
@pytest.mark.parametrize("threads", [1, 2])
def test_the_loops_by_hand_take_the_steps_of_their_rules(name: str, threads: int) -> None:
    loop, spec = RULES[name].loop, adaspec.load(RULES[name].on("numpy"))
    assert loop is not None
    rng = np.random.default_rng(3)
    params, grads = ([rng.standard_normal(n).astype(np.float32) for n in (5, 7, 1)] for _ in range(2))
    slots = [[np.zeros_like(x) for x in params] for _ in loop["slots"]]
    rates = {"lion": 1e-4, "sgd": 1e-2, "momentum": 1e-2}
    opt = adaspec.interpret(spec, lr=rates.get(name, 1e-3))
    meant, state = [x.astype(np.float64) for x in params], None
    call = loops.over(loops.compiled(loop["body"], loop["slots"], loop["scalars"]), [params, grads, *slots], threads)
    for t in range(1, 5):
        call([float(t)])
        state = state or opt.init(meant)
        meant, state = opt.step(meant, [g.astype(np.float64) for g in grads], state)
    for x, y in zip(params, meant, strict=True):
        np.testing.assert_allclose(x, y, rtol=2e-6, atol=2e-6)


def test_heats_bound_what_is_kept_at_once() -> None:
    """25M with four slots: a few at a time beside the limit and ours, each against the limit of its own heat."""
    alive: set[str] = set()
    most = 0

    class Held:
        def __init__(self, name: str) -> None:
            self.name = name
            alive.add(name)

        def __call__(self) -> None:
            nonlocal most
            most = max(most, len(alive))

        def __del__(self) -> None:
            alive.discard(self.name)

    line = [Contender("limit", "limit", lambda: lambda: None), Contender("adaspec", "ours", lambda: Held("adaspec"))]
    line += [Contender(f"p{i}", "peer", lambda i=i: Held(f"p{i}")) for i in range(7)]
    moved = Traffic(44 * 25_000_000, 4.0, 25_000_000)
    rows = race(line, lambda: None, 1, Budget(2, 0.0), moved)
    assert [row["contender"] for row in rows] == [one.name for one in line] and all(row["ms"] > 0 for row in rows)
    assert 1 < most < 8 and rows[0]["rounds"] > 2 == rows[2]["rounds"] and rows[2]["of_limit"] > 0


def test_a_contender_that_fails_is_out_of_the_race() -> None:
    def fail() -> None:
        raise RuntimeError("no such kernel\nfor this")

    line = [Contender("limit", "limit", lambda: lambda: None), Contender("odd", "peer", lambda: fail)]
    line += [
        Contender("late", "peer", lambda: lambda: None, check=fail),
        Contender("ours", "ours", lambda: lambda: None),
    ]
    rows = race(line, lambda: None, 2, Budget(1, 0.0), Traffic(28, 2.0, 1))
    assert [row.get("error") for row in rows] == [None, *["RuntimeError: no such kernel"] * 2, None]


def test_without_a_compiler_a_copy_is_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    from adaspec.bench.limit import limit

    monkeypatch.setattr(loops.shutil, "which", lambda name: None)
    call, factor, how = limit(traffic(adaspec.load("adam"), [(100,)]), 1)
    call()
    assert how == "NumPy copy" and factor == 28 / 8
    monkeypatch.setattr(loops.shutil, "which", shutil.which)
    monkeypatch.setenv("CC", "false")
    assert limit(traffic(adaspec.load("adam"), [(100,)]), 1)[2] == "NumPy copy"


EXPRESSIONS = ["adam", "adax", "lion", "adafactor", "lamb", "muon", "cautious_adamw", "rprop"]


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_naive_expressions_take_the_steps_of_the_rule(name: str) -> None:
    spec = adaspec.load(name)
    rng = np.random.default_rng(0)
    params, grads = ([rng.standard_normal(s, dtype=np.float32) for s in ((4, 3), (6, 5))] for _ in range(2))
    mine = list(params)
    step = naive(spec, mine, grads)
    opt, meant = adaspec.interpret(spec), [x.astype(np.float64) for x in params]
    state = opt.init(meant)
    for _ in range(3):
        step()
        meant, state = opt.step(meant, [g.astype(np.float64) for g in grads], state)
    for x, y in zip(mine, meant, strict=True):
        assert x.dtype == np.float32
        np.testing.assert_allclose(x, y, atol=1e-4)


@pytest.mark.needs_torch
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_plain_torch_takes_the_steps_of_the_rule(name: str) -> None:
    from adaspec.bench.on_torch import Field

    spec = adaspec.load(name)
    field = Field([(4, 3), (6, 5)], 1)
    opt, meant = adaspec.interpret(spec), [leaf.detach().numpy().astype(np.float64) for leaf in field.leaves]
    grads, state = [np.asarray(g, np.float64) for g in field.grads], opt.init(meant)
    (plain,) = [c for c in field.contenders(spec, [], {}) if c.name == "plain torch"]
    step = plain.make()
    for _ in range(3):
        step()
        meant, state = opt.step(meant, grads, state)
    for x, y in zip(field.leaves, meant, strict=True):
        np.testing.assert_allclose(x.detach().numpy(), y, atol=1e-4)


def test_a_transpose_is_of_the_last_two_axes() -> None:
    text = "'Mine: a rule. Me, 2026.'\n\n\ndef mine(x: Param, g: Grad):\n    x = x - g @ g.T @ x\n    return x\n"
    rng = np.random.default_rng(0)
    params, grads = ([rng.standard_normal((2, 4, 3), dtype=np.float32)] for _ in range(2))
    mine, opt = list(params), adaspec.interpret(adaspec.parse(text))
    naive(adaspec.parse(text), mine, grads)()
    meant, _ = opt.step(params, grads, opt.init(params))
    np.testing.assert_allclose(mine[0], meant[0], atol=1e-4)


def test_what_is_no_plain_expression_has_no_naive_form() -> None:
    params = [np.ones((2, 2), np.float32)]
    for name in ("prodigy", "adahessian", "accumulate", "sgld"):
        with pytest.raises(NotNaive):
            naive(adaspec.load(name), params, params)


def test_the_workloads_are_the_models_they_say() -> None:
    tensors = {name: (len(shapes), size(shapes)) for name, shapes in WORKLOADS.items()}
    assert tensors == {
        "25M": (1, 25_000_000), "resnet50": (161, 25_557_032), "long-tail": (152, 22_050_664), "mlp": (6, 99_738),
        "tiny": (1000, 100_000),
    }  # fmt: skip
    matrices = fitting(adaspec.load("muon"), WORKLOADS["resnet50"])
    assert all(len(shape) == 2 for shape in matrices) and (64, 147) in matrices and len(matrices) == 54


def test_traffic() -> None:
    per = {name: traffic(adaspec.load(name), [(100, 100)]).per_parameter for name in ("sgd", "lion", "adam", "adan")}
    assert per == {"sgd": 12, "lion": 20, "adam": 28, "adan": 44}
    assert traffic(adaspec.load("adafactor"), [(100, 100)]).bytes == 12 * 10_000 + 2 * 4 * 200


def test_peers_are_the_originals_of_the_name() -> None:
    of = {target: {peer.of for peer in peers(adaspec.load("adam"), target)} for target in TARGETS}
    known = {"torch": "torch.optim.Adam", "jax": "optax.adam", "tensorflow": "keras.optimizers.Adam"}
    for target, name in known.items():
        assert name in of[target] or not Peer(name).installed
    assert not of["numpy"]
    assert "torch.optim.SGD" not in {peer.of for peer in peers(adaspec.load("momentum"), "torch")}


# The goals are data: what they name must exist.


@pytest.mark.parametrize("goal", GOALS, ids=lambda g: f"{g.target}-{g.rule}-{g.workload}-{g.said}")
def test_goals_name_what_is_measured(goal: Goal) -> None:
    rule = RULES[goal.rule]
    assert goal.target in TARGETS and goal.workload in (rule.workloads or WORKLOADS) and goal.most > 0
    known = {LIMIT, PEER, "naive NumPy", "plain torch", "C by hand", ""}
    for p in rule.peers.get(goal.target, []):
        known |= {f"{Peer(p['of']).name}{word}" for word in ("", " fused", " foreach", " jit")}
    assert goal.against in known
    assert goal.ours == DEFAULT or goal.ours.startswith(f"{DEFAULT} ")


def test_every_rule_is_in_the_library_with_its_peers() -> None:
    """A peer is an original that a dialect of the library equals; optax's Adan has a defect of its own."""
    known = {original.of for name in library.names() if ":" in name and (original := library.equals(name))}
    for rule in RULES.values():
        for target in TARGETS:
            assert rule.on(target) in library.names()
            assert {p["of"] for p in rule.peers.get(target, [])} <= known | {"optax.adan"}


def test_verdicts() -> None:
    goals = [
        Goal("torch", "adam", "mlp", 1, LIMIT, 2.0),
        Goal("torch", "adam", "mlp", 1, PEER, 0.5),
        Goal("torch", "adam", "mlp", 1, "torch Adam fused", 1.0),
        Goal("torch", "lion", "mlp", 1, LIMIT, 2.0),
        Goal("torch", "adam", "mlp", 1, LIMIT, 2.0, ours="adaspec arrays"),
    ]
    goals.append(Goal("torch", "adam", "mlp", 1, "", 20.0, measure="first_ms"))
    contests = [contest(adaspec=2.1, torch_Adam_fused=3.0, torch_Adam_loop=8.0)]
    found = outcomes({"contests": contests, "startup": [{"target": "torch", "first_ms": 21.0}]}, goals)
    assert [o.verdict for o in found] == ["tie", "missed", "met", "not measured", "not measured", "missed"]
    assert [o.value for o in found[:3]] == pytest.approx([2.1, 0.7, 0.7])
    assert goals[1].said == "≥ 2× faster than the best peer" and goals[0].said == "≤ 2× the limit"


# The import of TensorFlow in one more process takes as long as the rest of this file.
@pytest.mark.parametrize("target", ["torch", "jax", pytest.param("tensorflow", marks=pytest.mark.prove)])
def test_every_framework_runs(target: str) -> None:
    for module in adaspec.build.__globals__["NEEDS"][target]:
        pytest.importorskip(module)
    shapes = [(4, 3), (5,)]
    (p,) = RULES["momentum"].peers[target]
    row = {"target": target, "threads": 1, "workload": "mlp", "rule": "momentum", "spec": "momentum", "shapes": shapes}
    (found,) = suite.run([row | {"peers": [p]}], {"rounds": 1, "seconds": 0.0}, lambda what: None)
    assert found["rows"] and not [r for r in found["rows"] if "error" in r], found
    more = {"torch": {"plain", "other"}, "jax": {"other"}}.get(target, set())
    assert {r["kind"] for r in found["rows"]} == {"limit", "ours", "peer"} | more


def test_make_bench_is_that_module() -> None:
    assert "-m benchmarks $(ARGS)" in (ROOT / "Makefile").read_text(encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--help"], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0 and "--against" in done.stdout
