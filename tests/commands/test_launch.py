"""Several processes behave like one: signals reach them, one mistake is one line, one exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pwm.commands import launch
from pwm.commands.surroundings import Nodes
from pwm.config.compose import compose
from pwm.config.types import TrainConfig
from pwm.errors import UserError
from pwm.interpreter import PYTHON

WORKER = """
import os, signal, sys, time
from pathlib import Path
from pwm.errors import UserError
from pwm.commands import launch
from pwm.commands.surroundings import Nodes
from pwm.config.compose import compose

here, rank = Path(__file__).parent, os.environ["RANK"]

def run(config):
    assert config.num_processes == 2
    {body}

launch.launch(compose(["alg=st_baseline", *sys.argv[1:]]), sys.argv[1:], run)
"""

# Starts two workers the way the elastic agent does, in a fraction of its time.
AGENT = """
import os, subprocess, sys
os.environ |= {"WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}
workers = [
    subprocess.Popen([sys.executable, *sys.argv[1:]], env={**os.environ, "RANK": rank, "LOCAL_RANK": rank})
    for rank in "01"
]
sys.exit(max(abs(worker.wait()) for worker in workers))
"""


def by_launcher(processes: int) -> dict[str, str]:
    """What `accelerate launch` sets for the first of so many processes."""
    place = {"MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}
    return place | {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": str(processes)}


def config(*overrides: str) -> TrainConfig:
    return compose(["alg=st_baseline", *overrides])


def never(config: TrainConfig) -> int:
    raise AssertionError("trained in the launching process")


def launched(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> int:
    worker = folder / "worker.py"
    worker.write_text(WORKER.replace("{body}", body))
    monkeypatch.setattr(launch, "launch_command", lambda *_: [sys.executable, "-c", AGENT, str(worker)])
    monkeypatch.setattr(launch, "GRACE_S", 1.0)
    return launch.launch(config("num_processes=2"), [], never)


def test_one_process_is_not_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(launch.LAUNCH, raising=False)
    trained = []

    def run(config: TrainConfig) -> int:
        trained.append(config.num_processes)
        return 75

    assert launch.launch(config(), [], run) == 75
    assert trained == [1]


def test_one_process_is_started_again_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = tmp_path / "worker.py"
    body = "(here / 'threads').write_text(os.environ['OMP_NUM_THREADS']); return 75"
    worker.write_text(WORKER.replace("{body}", body).replace("== 2", "== 1").replace('"RANK"', '"HOME"'))

    def command(config: TrainConfig, overrides: list[str], nodes: Nodes, folder: Path) -> list[str]:
        whole = real(config, overrides, nodes, folder)
        return [*whole[: whole.index("--no_python")], str(worker), *overrides]

    real = launch.launch_command
    monkeypatch.setattr(launch, "launch_command", command)
    monkeypatch.setenv(launch.LAUNCH, "always")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert launch.launch(config("threads=3"), ["threads=3"], never) == 75
    assert (tmp_path / "threads").read_text() == "3"


def test_the_command_line() -> None:
    overrides = ["alg=st_baseline", "seed=1"]
    command = launch.launch_command(config("num_processes=2", "threads=3"), overrides, Nodes(), Path("at"))
    assert command == [
        *PYTHON,
        "-m",
        "pwm.commands.agent",
        "--multi_gpu",
        "--config_file=at/accelerate.yaml",
        "--dynamo_backend=no",
        "--log_dir=at/agent",
        "--main_process_port=0",
        "--mixed_precision=no",
        "--num_cpu_threads_per_process=3",
        "--num_machines=1",
        "--num_processes=2",
        "--no_python",
        *PYTHON,
        "-u",
        "-m",
        "pwm",
        "train",
        "alg=st_baseline",
        "seed=1",
    ]


@pytest.mark.parametrize("code", [0, 75, 3])
def test_the_exit_code_is_the_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    assert launched(tmp_path, monkeypatch, f"return {code}") == code


def test_a_mistake_that_all_make_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="^the folder is taken$"):
        launched(tmp_path, monkeypatch, "raise UserError('the folder is taken')")


def test_the_others_end_when_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    body = "\n    ".join(["if rank == '1':", "    raise UserError('loss is nan')", "time.sleep(600)"])
    with pytest.raises(UserError, match="^loss is nan$"):
        launched(tmp_path, monkeypatch, body)
    assert capfd.readouterr().err == ""


def test_losing_a_peer_that_failed_is_not_reported_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    body = "\n    ".join(
        [
            "if rank == '1':",
            "    raise UserError('loss is nan')",
            "while not any(launch._failed(r) for r in launch._reports(Path(os.environ[launch.REPORTS]))):",
            "    time.sleep(0.01)",
            "raise RuntimeError('connection closed by peer')",
        ]
    )
    with pytest.raises(UserError, match="^loss is nan$"):
        launched(tmp_path, monkeypatch, body)
    assert "connection closed" not in capfd.readouterr().err


def test_a_programming_error_keeps_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert launched(tmp_path, monkeypatch, "raise ValueError('bug')") == 1
    assert "ValueError: bug" in capfd.readouterr().err


def test_a_killed_process_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="2 of 2 training processes died"):
        launched(tmp_path, monkeypatch, "os.kill(os.getpid(), signal.SIGKILL)")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR2])
def test_signals_reach_every_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    assert stopped_by(number, tmp_path, monkeypatch, lambda: os.kill(os.getpid(), number)) == 75


def test_a_signal_to_the_whole_job_step_ends_only_the_trainers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def as_slurm_does() -> None:
        for pid in (int((tmp_path / "ready-0").read_text()), os.getpid()):
            os.kill(pid, signal.SIGUSR2)

    assert stopped_by(signal.SIGUSR2, tmp_path, monkeypatch, as_slurm_does) == 75


def test_a_file_asks_every_process_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "stop"
    monkeypatch.setenv(launch.STOP_FILE, str(file))
    assert stopped_by(signal.SIGUSR2, tmp_path, monkeypatch, file.touch) == 75


def stopped_by(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ask: Callable[[], None]
) -> int:
    """The exit code of two processes that answer the signal, once ``ask`` was called."""
    body = "\n    ".join(
        [
            "got = []",
            f"signal.signal({int(number)}, lambda *_: got.append(1))",
            "(here / f'{rank}.tmp').write_text(str(os.getppid()))",
            "(here / f'{rank}.tmp').rename(here / f'ready-{rank}')",
            "while not got:",
            "    time.sleep(0.01)",
            "return 75",
        ]
    )

    def send() -> None:
        while len(list(tmp_path.glob("ready-*"))) < 2:
            time.sleep(0.01)
        ask()

    sender = threading.Thread(target=send)
    sender.start()
    code = launched(tmp_path, monkeypatch, body)
    sender.join()
    return code


def test_a_start_by_hand_must_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in by_launcher(2).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match="num_processes=4, but accelerate launch started 2"):
        launch.launch(config("num_processes=4"), [], never)
    assert launch.launch(config(), [], lambda config: config.num_processes) == 2
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(UserError, match="num_envs=128 does not divide by num_processes=3"):
        launch.launch(config(), [], never)


def test_accelerate_starts_and_ends_them(tmp_path: Path) -> None:
    worker = tmp_path / "worker.py"
    body = "(here / f'rank-{rank}').write_text(' '.join(sys.argv[1:])); return 75"
    worker.write_text(WORKER.replace("{body}", body))
    overrides = ["num_processes=2", "run=a b"]
    (tmp_path / launch.CONFIG_FILE).write_text(launch.CONFIG)
    command = launch.launch_command(config(*overrides), overrides, Nodes(), tmp_path)
    command = [*command[: command.index("--no_python")], str(worker), *overrides]
    reports = tmp_path / "reports"
    reports.mkdir()
    result = subprocess.run(command, env={**os.environ, launch.REPORTS: str(reports)}, check=False)
    assert result.returncode == 0
    assert sorted(path.name for path in reports.glob("*.json")) == ["0.json", "1.json"]
    assert [(tmp_path / f"rank-{rank}").read_text() for rank in "01"] == ["num_processes=2 run=a b"] * 2


def test_the_installed_code_runs_wherever_it_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for package in ("pwm", "accelerate"):  # as in a checkout, at whose top jobs start
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise SystemExit('the wrong code')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(launch.LAUNCH, "always")
    tiny = ["size=tiny", "scale=demo", "max_epochs=1", "checkpoint_every=1", "run=run"]
    assert launch.launch(config(*tiny), ["alg=st_baseline", *tiny], never) == 0
    assert "the wrong code" not in capfd.readouterr().err


def test_each_node_starts_its_share_and_they_meet_where_the_job_says(monkeypatch: pytest.MonkeyPatch) -> None:
    place = {"SLURM_NNODES": "2", "SLURM_NODEID": "1", "MASTER_ADDR": "node-a", "MASTER_PORT": "23456"}
    for name, value in place.items():
        monkeypatch.setenv(name, value)
    command = launch.launch_command(config("num_processes=4"), [], Nodes.of_slurm(), Path("at"))
    wanted = {"num_machines=2", "machine_rank=1", "num_processes=4", "main_process_port=23456"}
    assert {f"--{flag}" for flag in {*wanted, "main_process_ip=node-a"}} <= set(command)


def test_processes_that_do_not_divide_among_the_nodes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    place = {"SLURM_NNODES": "3", "SLURM_NODEID": "0", "MASTER_ADDR": "node-a", "MASTER_PORT": "23456"}
    for name, value in place.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match="num_processes=4 on 3 nodes: expected a multiple of 3"):
        launch.launch(config("num_processes=4", "num_envs=12", "wm_batch_size=12"), [], never)
