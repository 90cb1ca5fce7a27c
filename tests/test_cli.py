"""The command line: statuses, plain output when piped, whole files, and no traceback whatever is typed."""

from __future__ import annotations

import json
import math
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import adaspec
from adaspec.cli import doctor, main, verifying
from adaspec.errors import MissingFramework
from adaspec.library import rules
from adaspec.verification import Report, Result

ROOT = Path(__file__).parents[1]
ESCAPE = "\x1b"
GOOD = """\
'''Mine: a rule. A. Author, 2025.'''
from adaspec.lang import *


def mine(x: Param, g: Grad, *, lr: Rate = 0.1):
    x = x - lr * g
    return x
"""
ALL = ["numpy", "torch", "jax", "tensorflow"]


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR", "COLUMNS", "ADASPEC_TRACEBACK", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(GOOD)
    return path


def adaspec_in_a_process(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONPATH": str(ROOT)} | options.pop("env", {})
    return subprocess.run(
        [sys.executable, "-m", "adaspec", *arguments], env=env, capture_output=True, text=True, timeout=60, **options
    )


# What each command does


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    out, err = capsys.readouterr()
    assert err == "" and ESCAPE not in out
    lines = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    for name in adaspec.names():
        assert name in lines
    assert "Exponential Long Term Memory" in lines["adax"] and "arXiv:2004.09740" in lines["adax"]
    assert all(name in lines["adax"].split() for name in ("m", "v", "lr", "beta1", "beta2", "eps"))
    assert all(line == line.rstrip() for line in out.splitlines())


def test_list_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == set(rules())
    assert found["adafactor"]["slots"] == ["row", "col", "full"]


def listed(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    assert main(["list", "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


def test_list_filters(capsys: pytest.CaptureFixture[str]) -> None:
    everything = listed(capsys)
    assert {"adam", "adam_eps_hat"} <= set(listed(capsys, "--family", "adam")) < set(everything)
    matrices = listed(capsys, "--construct", "matrix,reduction")
    assert "muon" in matrices and "adam" not in matrices
    assert all({"matrix", "reduction"} <= set(facts["constructs"]) for facts in matrices.values())
    assert "adam" in listed(capsys, "--target", "torch", "--family", "adam")
    assert everything["adam_eps_hat"]["equals"]["adam:keras"] == "keras.optimizers.Adam 3.15.1"
    assert main(["list", "--family", "adamm"]) == 2 and "did you mean 'adam'?" in capsys.readouterr().err
    assert main(["list", "--construct", "matrx"]) == 2 and "did you mean 'matrix'?" in capsys.readouterr().err
    assert main(["list", "--family", "sgd", "--construct", "noise"]) == 1 and capsys.readouterr().err


def test_the_catalogue_is_large() -> None:
    assert len(adaspec.names()) >= 100


def test_diff(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "adam:torch", "adam:keras"]) == 0
    out = capsys.readouterr().out
    assert "1e-08" in out and "1e-07" in out and "sqrt(v_hat) + eps" in out and "sqrt(v) + eps" in out
    assert main(["diff", "adam", "adam:paper"]) == 0
    assert "the same equations, the same hyperparameters" in capsys.readouterr().out
    assert main(["diff", "adam:torch", "adam:keras", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert not found["same"]
    assert [said.partition(" = ")[2] for said in found["hypers"]["eps"].values()] == ["1e-08", "1e-07"]


def test_diff_decides_what_flags_decide(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "adabound:pytorch_optimizer", "amsbound:pytorch_optimizer", "--json"]) == 0
    sides = json.loads(capsys.readouterr().out)["equations"]
    plain, ams = sides["adabound:pytorch_optimizer"], sides["amsbound:pytorch_optimizer"]
    assert "v_max = maximum(v_max, v)" in ams and not any("v_max =" in line for line in plain)
    assert not any("amsgrad" in line for line in (*plain, *ams))


def test_show_latex(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "adam", "--latex"]) == 0
    assert "m_t = \\beta_1" in capsys.readouterr().out
    assert main(["show", "adam", "--latex", "--json"]) == 2


@pytest.mark.parametrize("columns", ["40", "80", "130", "200"])
def test_list_fits_the_terminal(columns: str, capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert main(["list"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= int(columns)


@pytest.mark.parametrize("name", adaspec.names())
def test_show(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    spec = adaspec.load(name)
    assert main(["show", name]) == 0
    out, err = capsys.readouterr()
    assert err == "" and ESCAPE not in out
    assert spec.text in out and spec.hash in out
    words = spec.dialect.names if spec.dialect is not None else ()
    assert all(str(w.word or "fixed") in out or w.name == "step" for w in words)
    assert all(re.search(rf"^{h} ", out, re.M) for h in [*spec.hypers, *spec.slots, *spec.shared, *spec.schedules])


def test_show_tells_schedules_and_shapes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "adax"]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("beta2_hat"))
    assert line.split() == ["beta2_hat", "0", "0.900045", "0.990049", "0.999049", "1"]
    assert main(["show", "adafactor"]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("row "))
    assert line.split()[1:5] == ["zeros.without(-1)", "absent", "absent", "512"]
    assert main(["show", "muon"]) == 0
    assert "refused" in capsys.readouterr().out


def test_show_json(capsys: pytest.CaptureFixture[str], mine: Path) -> None:
    assert main(["show", "adax", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert adaspec.parse(found["text"]).hash == found["hash"] == adaspec.load("adax").hash
    assert found["hypers"][0] == {
        "name": "lr",
        "kind": "Rate",
        "optional": False,
        "domain": "[0, inf)",
        "default": 1e-3,
    }
    assert found["schedules"]["beta2_hat"]["values"]["1000000"] == 1.0
    assert main(["show", str(mine), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["slots"] == []


def test_check(capsys: pytest.CaptureFixture[str], mine: Path) -> None:
    assert main(["check", str(mine), "adax"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines()[0].startswith(f"{mine}: ok, mine: 1 hyperparameter (")


def test_check_says_what_the_checker_says(capsys: pytest.CaptureFixture[str], mine: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text(GOOD.replace("lr * g", "rl * g"))
    with pytest.raises(adaspec.SpecError) as caught:
        adaspec.load(wrong)
    assert main(["check", str(wrong), str(mine)]) == 2
    out, err = capsys.readouterr()
    assert err == f"{caught.value}\n"
    assert "^^" in err and "known here: g, lr, x" in err
    assert "mine.py: ok" in out  # the next file is still looked at


def test_check_warns(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "adax_raw"]) == 0
    out, err = capsys.readouterr()
    assert "1 warning" in out
    assert err.startswith("adax_raw.py:") and ": warning: " in err and "^^^" in err


def test_check_reads_the_standard_input() -> None:
    done = adaspec_in_a_process("check", "-", input=GOOD)
    assert (done.returncode, done.stderr) == (0, "")
    done = adaspec_in_a_process("check", "-", input=GOOD.replace("return x", "return y"))
    assert done.returncode == 2 and done.stderr.startswith("<stdin>:7:")


# Export


@pytest.mark.parametrize("target", ALL)
def test_export_prints_the_very_text(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "adax", "--to", target]) == 0
    assert capsys.readouterr().out == adaspec.export("adax", target)


def test_export_to_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "adax", "--to", "all", "-o", str(tmp_path / "a" / "b")]) == 0
    assert sorted(p.name for p in (tmp_path / "a" / "b").iterdir()) == [f"adax_{t}.py" for t in sorted(ALL)]
    for target in ALL:
        assert (tmp_path / "a" / "b" / f"adax_{target}.py").read_text() == adaspec.export("adax", target)
    assert capsys.readouterr().out.count("wrote ") == 4
    assert main(["export", "adam:keras", "--to", "numpy,jax", "-o", str(tmp_path)]) == 0
    assert {p.name for p in tmp_path.glob("*.py")} == {"adam_keras_numpy.py", "adam_keras_jax.py"}
    assert main(["export", "sgd", "--to", "numpy", "-o", f"{tmp_path}/new/"]) == 0
    assert (tmp_path / "new" / "sgd_numpy.py").exists()


def test_export_needs_no_framework(tmp_path: Path) -> None:
    script = (
        "import sys; from adaspec.cli import main; "
        f"assert main(['export', 'adam', '--to', 'all', '-o', {str(tmp_path)!r}]) == 0; "
        "assert not {'torch', 'jax', 'optax', 'tensorflow', 'keras'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=60)


def test_several_targets_need_a_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["export", "sgd", "--to", "all"]) == 2
    assert "-o DIR" in capsys.readouterr().err
    (tmp_path / "file").write_text("mine")
    assert main(["export", "sgd", "--to", "all", "-o", str(tmp_path / "file")]) == 2
    assert (tmp_path / "file").read_text() == "mine"
    assert main(["export", "sgd", "--to", "jax", "-o", str(tmp_path / "no" / "x.py")]) == 2
    assert "no folder" in capsys.readouterr().err


@pytest.mark.parametrize("moment", ["write", "fsync", "chmod", "replace"])
@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_fault_leaves_the_old_file_whole(
    moment: str,
    fault: BaseException,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "sgd.py"
    out.write_text("old")

    def fail(*_: object, **__: object) -> None:
        raise fault

    if moment == "write":
        monkeypatch.setattr(os, "fdopen", fail)
    else:
        monkeypatch.setattr(os, moment, fail)
    assert main(["export", "sgd", "--to", "numpy", "-o", str(out)]) == (2 if isinstance(fault, OSError) else 130)
    monkeypatch.undo()
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]
    assert "No space left" in capsys.readouterr().err or isinstance(fault, KeyboardInterrupt)


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_crash_leaves_the_old_file_whole(moment: str, tmp_path: Path) -> None:
    out = tmp_path / "sgd.py"
    out.write_text("old")
    script = (
        "import os; from adaspec.cli import main; "
        f"os.{moment} = lambda *a: os._exit(9); main(['export', 'sgd', '--to', 'numpy', '-o', {str(out)!r}])"
    )
    done = subprocess.run([sys.executable, "-c", script], env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=60)
    assert done.returncode == 9
    assert out.read_text() == "old"


def test_output_stays_where_it_was_asked_for(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.py"
    elsewhere.write_text("not yours")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "sgd_numpy.py").symlink_to(elsewhere)
    assert main(["export", "sgd", "--to", "numpy", "-o", str(folder)]) == 0
    assert elsewhere.read_text() == "not yours"
    assert not (folder / "sgd_numpy.py").is_symlink()


def test_permissions_and_devices(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    old = tmp_path / "old.py"
    old.write_text("old")
    old.chmod(0o640)
    fresh = tmp_path / "fresh.py"
    assert main(["export", "sgd", "--to", "numpy", "-o", str(old)]) == 0
    assert main(["export", "sgd", "--to", "numpy", "-o", str(fresh)]) == 0
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    assert stat.S_IMODE(fresh.stat().st_mode) == 0o666 & ~umask
    assert main(["export", "sgd", "--to", "numpy", "-o", os.devnull]) == 0
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


# Verify


def test_verify(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "sgd", "lamb", "--targets", "numpy", "--steps", "3"]) == 0
    out, err = capsys.readouterr()
    assert err == "" and ESCAPE not in out
    assert out.count(" ok") == 8 and "all 2 rules agree" in out
    assert re.search(r"target +dtype +mode +error +bound +unit +verdict", out)


def test_verify_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "sgd", "--targets", "numpy", "--steps", "2", "--dtypes", "float32", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert [result["mode"] for result in found["results"]] == ["eager", "arrays"]
    assert found["ok"] and all(r["unit"] == "ulp" and r["error"] <= r["bound"] for r in found["results"])


def test_verify_finds_a_difference(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def differs(spec: adaspec.Spec, targets: list[str], **_: object) -> Report:
        return Report(spec, 1, (Result(targets[0], "float64", "eager", math.inf, "relative", 1e-12, 1.0),), ())

    monkeypatch.setattr(verifying, "verify", differs)
    assert main(["verify", "sgd", "--targets", "numpy"]) == 1
    assert "differs" in capsys.readouterr().out
    assert main(["verify", "sgd", "--targets", "numpy", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)[0]["results"][0]["error"] == "inf"


def test_verify_goes_on_where_a_target_breaks(capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    real = verifying.verify

    def breaks(spec: adaspec.Spec, targets: list[str], **options) -> Report:
        if targets == ["torch"]:
            options["progress"](f"{spec.name}: torch float32 loop")
            raise RuntimeError("no such thing\nat all")
        if targets == ["jax"]:
            raise MissingFramework("jax", "optax", "jax")
        return real(spec, targets, **options)

    monkeypatch.setattr(verifying, "verify", breaks)
    monkeypatch.setattr(verifying, "TARGETS", {"numpy": "", "torch": "torch", "jax": "jax"})
    monkeypatch.setattr(verifying, "start", lambda targets: None)
    assert main(["verify", "sgd", "--steps", "1"]) == 1
    out = capsys.readouterr().out
    assert re.search(r"torch +float32 +loop +RuntimeError: no such thing$", out, re.M)
    assert re.search(r"jax +not installed: pip install 'adaspec\[jax\]'$", out, re.M)
    assert re.search(r"numpy .* ok$", out, re.M)
    assert main(["verify", "sgd", "--targets", "jax"]) == 2  # asked for by name
    assert "pip install 'adaspec[jax]'" in capsys.readouterr().err


# Doctor


def test_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    out, err = capsys.readouterr()
    assert err == "" and ESCAPE not in out
    for name in ("Python", "adaspec", *doctor.TESTED, "cc", "nvcc"):
        assert re.search(rf"^{name} ", out, re.M), name


def test_doctor_survives_broken_frameworks(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    broken = {
        "torch": "import sys; print('noise', file=sys.stderr); raise OSError('libfoo.so is missing')",
        "jax": "import os; os.abort()",
        "tensorflow": "import time; time.sleep(60)",
    }
    monkeypatch.setattr(doctor, "PROBES", broken)
    monkeypatch.setattr(doctor, "TIMEOUT", 1)
    monkeypatch.setattr(doctor, "installed", lambda name: "" if name in ("sympy", "mpmath") else doctor.TESTED[name])
    assert main(["doctor", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["frameworks"]["torch"]["problem"] == "OSError: libfoo.so is missing"
    assert found["frameworks"]["jax"]["problem"].startswith("ended by")
    assert found["frameworks"]["tensorflow"]["problem"] == "no answer within 1 s"
    states = {p["name"]: p["state"] for p in found["parts"]}
    assert (states["torch"], states["numpy"], states["sympy"]) == ("broken", "ok", "missing")
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "pip install 'adaspec[lab]'" in out and "libfoo.so" in out


def test_doctor_knows_what_is_tested() -> None:
    pinned = dict(re.findall(r"^([a-z-]+)==([\d.]+)$", (ROOT / "constraints.txt").read_text(), re.M))
    assert {name: pinned[name] for name in doctor.TESTED} == doctor.TESTED


# Whatever is typed

HOSTILE = {
    "no such name": "nosuch",
    "near a name": "adxa",
    "no such file": "no/such.py",
    "a folder": ".",
    "the root": "/",
    "nothing": "",
    "a blank": " ",
    "a NUL": "a\0b.py",
    "too long": "x" * 5000,
    "too long a path": "x/" * 3000 + "y.py",
    "out of the folder": "../../../../etc/passwd",
    "an escape": "\x1b[31mred.py",
    "a line end": "a\nb.py",
    "markup": "[bold]x[/bold].py",
    "a format": "%s{}{0}",
    "no text": "\udcff.py",
    "a dialect": "adam:nosuch",
    "bytes": "bytes.py",
    "NULs": "nuls.py",
    "an empty file": "empty.py",
    "no rule": "comments.py",
    "huge": "huge.py",
    "nested": "nested.py",
    "not Python": "broken.py",
    "code": "code.py",
    "a device": "/dev/zero",
}


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bytes.py").write_bytes(bytes(range(256)))
    (tmp_path / "nuls.py").write_bytes(b"\0" * 100)
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "comments.py").write_text("# nothing\n")
    (tmp_path / "huge.py").write_text("#" * 10**7)
    (tmp_path / "nested.py").write_text("(" * 10**5)
    (tmp_path / "broken.py").write_text("def (:\n")
    (tmp_path / "code.py").write_text(f"open({str(tmp_path / 'sentinel')!r}, 'w')\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("typed", HOSTILE.values(), ids=HOSTILE)
def test_nothing_typed_is_a_traceback(typed: str, hostile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["show", typed], ["check", typed], ["export", typed, "--to", "torch"], ["verify", typed]):
        assert main(command) == 2, command
        out, err = capsys.readouterr()
        assert out == ""
        assert err.strip() and "Traceback" not in err and ESCAPE not in err
    assert not (hostile / "sentinel").exists()


@pytest.mark.parametrize("target", ["", "\0", "/dev/full", "no/such/file.py", "x" * 5000, "file/inside.py"])
def test_no_output_is_a_traceback(target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("mine")
    status = main(["export", "sgd", "--to", "numpy", "-o", target])
    err = capsys.readouterr().err
    assert status == 2 and err.strip() and "Traceback" not in err
    assert Path("file").read_text() == "mine"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ([], "required: COMMAND"),
        (["lsit"], "did you mean 'list'?"),
        (["exprot", "adam"], "did you mean 'export'?"),
        (["export", "adam"], "required: --to"),
        (["export", "adam", "--to", "toch"], "did you mean 'torch'?"),
        (["export", "adam", "--to", ","], "nothing named"),
        (["verify", "adam", "--targets", "jxa"], "did you mean 'jax'?"),
        (["verify", "adam", "--tragets", "jax"], "did you mean '--targets'?"),
        (["verify", "adam", "--steps", "0"], "no number of steps"),
        (["verify", "adam", "--steps", "many"], "no number of steps"),
        (["show", "mouon"], "did you mean 'muon'?"),
        (["show", "adam.py"], "did you mean 'adam'?"),
        (["show", "adam", "sgd"], "unknown argument 'sgd'"),
        (["doctor", "--fast"], "unknown argument '--fast'"),
    ],
)
def test_bad_usage(
    typed: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(typed) == 2
    out, err = capsys.readouterr()
    assert out == "" and said in err and "Traceback" not in err


@pytest.mark.parametrize("command", ["list", "show", "diff", "check", "export", "verify", "demo", "doctor"])
def test_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert command in capsys.readouterr().out
    assert main([command, "--help"]) == 0
    assert "exit status" in capsys.readouterr().out


def test_a_spec_cannot_repaint_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.py"
    path.write_text(GOOD.replace("a rule.", r"\x1b[2J\x07[red]a rule[/red]\u202e."))
    for command in (
        ["show", str(path)],
        ["check", str(path)],
        ["verify", str(path), "--targets", "numpy", "--steps", "1"],
    ):
        assert main(command) == 0
        out, err = capsys.readouterr()
        assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", out + err)
    assert main(["show", str(path)]) == 0
    assert "[red]a rule[/red]" in capsys.readouterr().out


def test_a_fault_of_adaspec_is_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AttributeError("oops")

    monkeypatch.setattr("adaspec.cli.listing.run", fail)
    assert main(["list"]) == 2
    err = capsys.readouterr().err
    assert "AttributeError: oops" in err and "ADASPEC_TRACEBACK=1" in err and "Traceback" not in err
    monkeypatch.setenv("ADASPEC_TRACEBACK", "1")
    with pytest.raises(AttributeError):
        main(["list"])


def test_interrupted(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("adaspec.cli.verifying.run", interrupt)
    assert main(["verify", "adam"]) == 130
    assert "Traceback" not in capsys.readouterr().err


# As a process


@pytest.mark.parametrize("module", ["adaspec", "adaspec.cli"])
def test_runs_as_a_module(module: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, "--version"], capture_output=True, text=True, timeout=60, cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, f"adaspec {adaspec.__version__}\n", "")


def test_an_ascii_terminal() -> None:
    done = adaspec_in_a_process("show", "adax", env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()


@pytest.mark.parametrize("command", ["list", "export adax --to torch", "show adax", "list --json"])
def test_a_reader_that_has_gone(command: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "adaspec", *command.split()], stdout=writer, stderr=subprocess.PIPE, text=True,
            timeout=60, env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
@pytest.mark.parametrize("no_color", ["", "1"])
def test_colour_is_for_terminals(no_color: str) -> None:
    import pty

    ours, theirs = pty.openpty()
    env = os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": no_color, "TERM": "xterm-256color", "COLUMNS": "100"}
    process = subprocess.Popen([sys.executable, "-m", "adaspec", "check", "sgd"], stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    said = b""
    while chunk := _read(ours):
        said += chunk
    os.close(ours)
    assert process.wait(60) == 0
    assert b"ok, sgd" in re.sub(rb"\x1b\[[0-9;]*m", b"", said)
    assert (b"\x1b[" in said) == (not no_color)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux says so when the other end is closed
        return b""
