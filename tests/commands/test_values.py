"""Values and files that no run can have: one line that says what is wrong, before anything is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pwm.cli import main
from pwm.config.compose import compose
from pwm.errors import UserError
from pwm.run.folder import RunFolder
from tests.commands.test_surroundings import PWM, SMALL, pwm, values


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("replay_capacity=1000000000000", "takes 48,000 GB of memory"),
        ("eval_episodes=1000000000", "eval_episodes=1000000000: expected at most 10,000"),
        ("threads=1000000", "threads=1000000: expected at most 1,024"),
        ("units=[1000000,1000000]", "not enough memory: it needs 4,000.0 GB at once"),
        ("critic_ensemble=100000000", "not enough memory: it needs "),
        ("name=a#b", "a value with such signs goes in quotes"),
        ("env.options=[1]", "expected an option, like env.options.episode_length=500"),
        ("env.options=3", "expected an option"),
        ("device=potato", "unknown device"),
        ("seed=99999999999999999999", "seed"),
        ("env.options.episode_length=true", "must be a whole number"),
    ],
)
def test_a_value_that_no_run_can_have_is_one_line(tmp_path: Path, override: str, message: str) -> None:
    done = pwm("train", *SMALL, f"run={tmp_path / 'run'}", override)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert message in line
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["eval", "run={run}", "--device", "potato"],
        ["eval", "run={run}", "--seed", "99999999999999999999"],
        ["eval", "run={run}", "--seed", "-1"],
        ["eval", "run={run}", "--episodes", "1000000000"],
        ["suite", "status", "--watch", "inf"],
        ["suite", "status", "--watch", "nan"],
        ["suite", "status", "--watch", "-1"],
        ["suite", "logs", "all"],
        ["suite", "logs", "st"],
        ["suite", "demo", "run=x"],
        ["suite", "demo", "alg=st_baseline"],
        ["suite", "demo", "name=x"],
    ],
)
def test_so_is_a_flag(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "run"
    if words[0] == "eval":
        assert main(["train", *SMALL, "max_epochs=2", f"run={run}"]) == 0
    capsys.readouterr()
    assert main([word.format(run=run) for word in words]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    "name", ["a\\", "it's", "\\'", "a\\\\'b\\", "a#b", "a b", "日本", "[x]", "{y: 1}", "a=b"]
)
def test_a_folder_may_be_called_anything(name: str) -> None:
    assert compose(["alg=st_baseline", f"run={name}"]).run == name


def test_a_home_folder_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert compose(["alg=st_baseline", "run=~/x"]).run == "/home/somebody/x"


def test_a_deleted_working_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f'cd {gone} && rmdir {gone} && exec "$@"'
    done = pwm_in_bash(script, "peak-r")
    assert done == (2, "pwm: error: the working folder has been deleted; go to another: cd\n")


def test_a_limit_on_the_size_of_files_is_named(tmp_path: Path) -> None:
    code, said = pwm_in_bash('ulimit -f 100; exec "$@"', "train", *SMALL, f"run={tmp_path / 'run'}")
    assert code == 2 and "raise the limit on the size of files (ulimit -f)" in said


def pwm_in_bash(script: str, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        ["bash", "-c", script, "bash", *PWM, *words], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


def test_a_checkpoint_of_another_size_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, units in (("a", "[16,16]"), ("b", "[32,32]")):
        assert main(["train", *SMALL, f"units={units}", f"run={tmp_path / name}"]) == 0
    shutil.rmtree(tmp_path / "a" / "checkpoints")
    os.rename(tmp_path / "b" / "checkpoints", tmp_path / "a" / "checkpoints")
    rows = values(tmp_path / "a")
    for words in (
        ["train", *SMALL, "units=[16,16]", "max_epochs=9", f"run={tmp_path / 'a'}"],
        ["eval", str(tmp_path / "a")],
    ):
        capsys.readouterr()
        assert main(words) == 2
        said = capsys.readouterr().err
        assert "size mismatch for world_model" in said and len(said.splitlines()) == 1 and len(said) < 600
    assert values(tmp_path / "a") == rows


def test_an_empty_configuration_has_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").touch()
    with pytest.raises(UserError, match="is damaged: .*; mend it, or choose another run=<folder>"):
        RunFolder(tmp_path).open(compose(["alg=st_baseline"]))
