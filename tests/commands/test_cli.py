"""The command line: what it runs, and that a mistake is one line and a non-zero exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import pwm
from pwm import cli
from pwm.commands import train
from pwm.config.compose import compose, from_yaml
from pwm.errors import UserError


def test_the_resolved_configuration_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["train", "alg=mt_flow_v2", "--cfg", "job", "size=5M"]) == 0
    assert from_yaml(capsys.readouterr().out) == compose(["alg=mt_flow_v2", "size=5M"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no command given; choose one of train, pretrain, eval"),
        (["trian"], "unknown command 'trian'; choose one of bench, data, eval"),
        (["train"], "no experiment named: give alg=<name>; choose one of mt_baseline"),
        (["train", "alg=mt_flow_v9"], "unknown alg 'mt_flow_v9'; choose one of"),
        (["train", "alg=st_baseline", "--cfg", "hydra"], "invalid choice: 'hydra'"),
        (["train", "--fast", "alg=st_baseline"], "--fast"),
        (["suite", "everything"], "unknown suite command 'everything'; choose one of cancel, "),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("pwm: error: ")
    assert captured.err.count("\n") == 1
    assert said in captured.err


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["suite", "--help"]])
def test_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = cli.main(arguments)
    except SystemExit as end:  # how argparse ends after its help
        code = int(end.code or 0)
    assert code == 0
    assert "pwm" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"pwm {pwm.__version__}\n"


def command(monkeypatch: pytest.MonkeyPatch, error: BaseException | None, code: int = 0) -> None:
    def run(argv: list[str]) -> int:
        if error is not None:
            raise error
        return code

    monkeypatch.setattr(train, "run", run)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (None, 75, ""),
        (UserError("the disk is full"), 2, "pwm: error: the disk is full\n"),
        (KeyboardInterrupt(), 130, "pwm: interrupted\n"),
    ],
)
def test_the_exit_code_is_the_commands(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException | None,
    code: int,
    said: str,
) -> None:
    command(monkeypatch, error, code)
    assert cli.main(["train"]) == code
    assert capsys.readouterr().err == said


def test_a_programming_error_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    command(monkeypatch, ValueError("bug"))
    with pytest.raises(ValueError, match="bug"):
        cli.main(["train"])


def test_a_reader_that_goes_away_is_no_error() -> None:
    line = f"{sys.executable} -m pwm train alg=st_baseline --cfg job | true; echo ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert result.stderr == ""
    assert result.stdout.strip() in ("0", "141")  # 0: all was written before the reader went


@pytest.mark.parametrize("arguments", [["peak-r"], ["train", "alg=st_baseline", "--cfg", "job"]])
def test_what_needs_no_torch_does_not_load_it(arguments: list[str], tmp_path: Path) -> None:
    code = f"import sys; from pwm.cli import main; main({arguments!r}); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
