"""The demo's progress, its table and what happens when a training fails (with a stand-in for training)."""

import io
import sys
from pathlib import Path

import pytest

from pwm.errors import UserError
from pwm.suite import demo, experiments

STAND_IN = """
import json, pathlib, sys
values = dict(argument.split("=") for argument in sys.argv[1:])
name, seed = values["alg"], values.get("seed", "0")
if (name, seed) == ("st_flow_v2", "13"):
    sys.exit("pwm: error: the disk is full")
folder = pathlib.Path(f"runs/{values['scale']}/{name}-s{seed}")
folder.mkdir(parents=True, exist_ok=True)
with open(folder / "metrics.jsonl", "a") as metrics:
    for epoch in range(1, 4):
        print(f"[{epoch}/3]  R:{epoch}.00  T:1.0", flush=True)
        metrics.write(json.dumps({"epoch": epoch, "max_epochs": 3, "R": epoch}) + chr(10))
"""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "TRAIN", (sys.executable, "-S", "stand_in.py"))


def test_every_experiment_is_trained_and_compared(capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.run([]) == 0
    output = capsys.readouterr().out
    for number, name in enumerate(experiments.names(), 1):
        assert f"[{number}/8] {name}\n{name}: [1/3]  R:1.00" in output
        assert (Path("runs/demo") / f"{name}-s0" / "metrics.jsonl").is_file()
        assert f"\n{name} " in output.partition("Peak R")[2]
    assert "No log" not in output
    assert "Results: runs/demo" in output
    assert "\r" not in output


def test_overrides_reach_every_experiment() -> None:
    assert demo.run(["seed=3"]) == 0
    assert len(list(Path("runs/demo").glob("*-s3"))) == 8


def test_a_wrong_override_is_refused_before_any_training() -> None:
    with pytest.raises(UserError, match="no_such_key"):
        demo.run(["no_such_key=1"])
    assert not Path("runs").exists()


def test_a_failed_training_ends_the_demo(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match=r"alg=st_flow_v2 .*exit code 1"):
        demo.run(["seed=13"])
    assert "st_flow_v2: pwm: error: the disk is full" in capsys.readouterr().out


def test_a_terminal_gets_one_bar_and_the_words_of_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    demo.run([])
    bar = terminal.getvalue().partition("\nPeak R")[0].split("\r")
    percent = [int(text.partition("%")[0].split()[-1]) for text in bar if "%" in text]
    assert percent == sorted(percent) and percent[0] == 0 and percent[-1] == 100
    assert any("3/8 st_flow_v2  [2/3]  R:2.00" in text for text in bar)
    assert {len(text.rstrip("\n")) for text in bar[1:]} == {len(bar[1].rstrip("\n"))}

    with pytest.raises(UserError):
        demo.run(["seed=13"])
    assert "the disk is full" in terminal.getvalue()
