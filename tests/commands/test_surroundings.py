"""Shells, terminals and launchers that nobody chose do not change a run, and never end it in a traceback."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pwm.commands import launch
from pwm.run.signals import STOPPED

SMALL = (
    *("alg=st_baseline", "scale=demo", "env=cartpole", "env.options.episode_length=16", "num_envs=16"),
    *("wm_batch_size=16", "eval_episodes=2", "max_epochs=4", "threads=1"),
)
PWM = (sys.executable, "-P", "-m", "pwm") if sys.version_info >= (3, 11) else (sys.executable, "-m", "pwm")


def pwm(
    *words: str, env: dict[str, str] | None = None, timeout: float = 120, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **(env or {})}
    return subprocess.run(
        [*PWM, *words], capture_output=True, text=True, env=environment, timeout=timeout, cwd=cwd, check=False
    )


def values(run: Path) -> list[dict[str, float]]:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [
        {k: v for k, v in row.items() if not k.startswith("seconds") and k not in ("fps", "time")}
        for row in rows
    ]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("plain") / "run"
    done = pwm("train", *SMALL, f"run={run}")
    assert done.returncode == 0, done.stderr
    return run


@pytest.mark.parametrize(
    "env",
    [
        {"ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "4"},
        {"ACCELERATE_DYNAMO_BACKEND": "INDUCTOR"},
        {"ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_USE_FSDP": "1", "FSDP_OFFLOAD_PARAMS": "true"},
        {"ACCELERATE_MIXED_PRECISION": "bf16", "ACCELERATE_USE_MEGATRON_LM": "true"},
        {"ACCELERATE_TORCH_DEVICE": "meta", "ACCELERATE_USE_PARALLELISM_CONFIG": "true"},
        {"TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "1", "NVIDIA_TF32_OVERRIDE": "1"},
        {"PMI_SIZE": "1", "OMPI_COMM_WORLD_RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"},
        {"SLURM_NNODES": "2", "SLURM_NTASKS": "2"},
        {"MASTER_ADDR": "192.0.2.1", "MASTER_PORT": "1", "PWM_LAUNCH": "always"},
        {"PET_NNODES": "2", "PET_NPROC_PER_NODE": "3", "PWM_LAUNCH": "always"},
        {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"},
    ],
)
def test_leftovers_in_the_environment_change_nothing(
    plain: Path, tmp_path: Path, env: dict[str, str]
) -> None:
    done = pwm("train", *SMALL, f"run={tmp_path / 'run'}", env=env)
    assert done.returncode == 0, done.stderr
    assert values(tmp_path / "run") == values(plain)


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"LOCAL_RANK": "1"}, "LOCAL_RANK"),
        ({"WORLD_SIZE": ""}, "WORLD_SIZE"),
        ({"WORLD_SIZE": "2"}, "WORLD_SIZE"),
        ({"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2"}, "MASTER_ADDR"),
        ({"RANK": "5", "LOCAL_RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "a", "MASTER_PORT": "1"}, "RANK"),
        (
            {"RANK": "0", "LOCAL_RANK": "x", "WORLD_SIZE": "2", "MASTER_ADDR": "a", "MASTER_PORT": "1"},
            "LOCAL_RANK",
        ),
        ({"PMI_SIZE": "2"}, "PMI_SIZE"),
        ({"OMPI_COMM_WORLD_SIZE": "4"}, "OMPI_COMM_WORLD_SIZE"),
        ({"MV2_COMM_WORLD_SIZE": "two"}, "MV2_COMM_WORLD_SIZE"),
        ({"NVIDIA_TF32_OVERRIDE": "0"}, "NVIDIA_TF32_OVERRIDE"),
        ({"TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "0"}, "say tf32=false or unset it; `unset TORCH_ALLOW_TF32"),
        ({"SLURM_NNODES": "", "MASTER_ADDR": "a"}, "SLURM_NNODES"),
        ({"SLURM_NNODES": "2", "MASTER_ADDR": "a"}, "SLURM_NODEID"),
        (
            {"SLURM_NNODES": "2", "MASTER_ADDR": "a", "SLURM_NODEID": "0", "MASTER_PORT": "http"},
            "MASTER_PORT",
        ),
        ({"SLURM_NNODES": "2", "MASTER_ADDR": "a", "SLURM_NODEID": "2", "MASTER_PORT": "99"}, "SLURM_NODEID"),
    ],
)
def test_a_launcher_that_is_there_by_half_is_named(tmp_path: Path, env: dict[str, str], named: str) -> None:
    done = pwm("train", *SMALL, "num_processes=2", f"run={tmp_path / 'run'}", env=env)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert named in line
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "content", ["distributed_type: FSDP\n", "gpu_ids: '7'\ndistributed_type: MULTI_GPU\n", "[:"]
)
def test_somebodys_configuration_of_accelerate_is_not_read(tmp_path: Path, content: str) -> None:
    (tmp_path / "accelerate").mkdir()
    (tmp_path / "accelerate" / "default_config.yaml").write_text(content)
    (tmp_path / "tmp").mkdir()
    env = {"HF_HOME": str(tmp_path), "TMPDIR": str(tmp_path / "tmp"), "ACCELERATE_DEBUG_MODE": "1"}
    env |= {"PET_NNODES": "2", "MASTER_ADDR": "192.0.2.1", "MASTER_PORT": "1", "TORCHELASTIC_RUN_ID": "x"}
    done = pwm("train", *SMALL, "num_processes=2", f"run={tmp_path / 'run'}", env=env)
    assert done.returncode == 0, done.stderr
    left = [path.name for path in (tmp_path / "tmp").iterdir()]
    assert not [name for name in left if name.startswith(("pwm-", "torchelastic"))]


def started(run: Path, *overrides: str, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """A long training whose first epochs are done."""
    words = [*SMALL, "max_epochs=100000", "checkpoint_every=50", f"run={run}", *overrides]
    process = subprocess.Popen(
        [*prefix, *PWM, "train", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("[3/"):
            return process
    raise AssertionError(f"ended with {process.wait()}")


def epochs(run: Path) -> tuple[int, list[int]]:
    """The newest checkpoint, and the epochs that have rows."""
    saved = max(int(path.stem.removeprefix("epoch-")) for path in (run / "checkpoints").glob("epoch-*.pt"))
    return saved, [int(row["epoch"]) for row in values(run)]


@pytest.mark.parametrize("processes", [1, 2])
def test_a_hangup_stops_and_loses_nothing(tmp_path: Path, processes: int) -> None:
    process = started(tmp_path / "run", f"num_processes={processes}")
    process.send_signal(signal.SIGHUP)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == STOPPED, said
    saved, rows = epochs(tmp_path / "run")
    assert rows in (
        list(range(1, saved + 1)),
        list(range(1, saved)),
    )  # the last is reported at the next start


@pytest.mark.parametrize("processes", [1, 2])
def test_a_signal_that_nohup_has_ignored_stays_ignored(tmp_path: Path, processes: int) -> None:
    process = started(tmp_path / "run", f"num_processes={processes}", prefix=("nohup",))
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == STOPPED, said


def test_trainers_end_with_their_launcher_and_save(tmp_path: Path) -> None:
    process = started(tmp_path / "run", "num_processes=2")
    process.kill()
    process.wait()
    deadline = time.monotonic() + 60
    while "stopped by the end of its launcher" not in (tmp_path / "run" / "train.log").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.2)
    saved, rows = epochs(tmp_path / "run")
    assert rows[-1] in (saved - 1, saved)
    done = pwm("train", *SMALL, f"max_epochs={saved + 3000000}", "--cfg=job")
    assert done.returncode == 0


def test_the_demos_training_ends_with_the_demo(tmp_path: Path) -> None:
    words = ["suite", "demo", "env=cartpole", "max_epochs=100000"]
    process = subprocess.Popen([*PWM, *words], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    assert process.stdout is not None
    for line in process.stdout:
        if "[3/" in line:
            break
    process.kill()
    process.wait()
    log = tmp_path / "runs" / "demo" / "st_baseline-s0" / "train.log"
    deadline = time.monotonic() + 60
    while "stopped by the end of its launcher" not in log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_signal_ends_who_waits_for_peers_that_never_come(tmp_path: Path) -> None:
    place = {"SLURM_NNODES": "2", "SLURM_NODEID": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29713"}
    words = [*SMALL, "num_processes=2", f"run={tmp_path / 'run'}"]
    process = subprocess.Popen([*PWM, "train", *words], env={**os.environ, **place}, start_new_session=True)
    time.sleep(12)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 128 + signal.SIGTERM


def test_peers_that_never_come_are_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from pwm.cli import main

    monkeypatch.setattr(launch, "MEET_S", 3.0)
    place = {"SLURM_NNODES": "2", "SLURM_NODEID": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29714"}
    for name, value in place.items():
        monkeypatch.setenv(name, value)
    assert main(["train", *SMALL, "num_processes=2", f"run={tmp_path / 'run'}"]) == 2
    assert "began within" in capfd.readouterr().err


@pytest.mark.parametrize("redirection", ["> /dev/full", "| head -n 1", ">&-", "> /dev/full 2>&1"])
def test_a_training_goes_on_without_its_terminal(plain: Path, tmp_path: Path, redirection: str) -> None:
    command = f"set -o pipefail; {' '.join(PWM)} train {' '.join(SMALL)} run={tmp_path / 'run'} {redirection}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert values(tmp_path / "run") == values(plain)


@pytest.mark.parametrize("command", ["--help", "peak-r {run}", "suite --help", "train {small} --cfg=job"])
def test_other_commands_say_that_they_cannot_print(plain: Path, command: str) -> None:
    words = command.format(run=plain, small=" ".join(SMALL))
    done = subprocess.run(
        ["bash", "-c", f"{' '.join(PWM)} {words} > /dev/full"], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert (
        done.stderr == "pwm: error: cannot print: No space left on device; make room where the output goes\n"
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_poor_encoding_ends_nothing(plain: Path, tmp_path: Path, encoding: str) -> None:
    env = {"PYTHONIOENCODING": encoding, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for words in (["--help"], ["suite"], ["train", "--help"], ["peak-r", str(plain)]):
        assert pwm(*words, env=env).returncode == 0
    assert pwm("report", str(plain), f"--out={tmp_path}", env=env).returncode == 0


@pytest.mark.parametrize("place", ["/proc/nothing", "a file/inside"])
def test_a_cache_that_cannot_be_written_is_named_and_the_run_is_free(tmp_path: Path, place: str) -> None:
    (tmp_path / "a file").touch()
    run = f"run={tmp_path / 'run'}"
    done = pwm("train", *SMALL, run, env={"WARP_CACHE_PATH": str(tmp_path / place)})
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert place in line and "set WARP_CACHE_PATH" in line
    assert pwm("train", *SMALL, run, "seed=3").returncode == 0


def test_a_refused_start_leaves_its_folder_free(tmp_path: Path) -> None:
    run = f"run={tmp_path / 'run'}"
    for mistake in ("env.options.episode_lenght=16", "env=dflex_ant", "env=dflex_hopper", "tasks=[ant,ant]"):
        pwm("train", *SMALL, mistake, run)
    done = pwm("train", *SMALL, run)
    assert done.returncode == 0, done.stderr


def test_rows_without_a_checkpoint_are_kept_aside(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert pwm("train", *SMALL, f"run={run}").returncode == 0
    rows = (run / "metrics.jsonl").read_text()
    shutil.rmtree(run / "checkpoints")
    done = pwm("train", *SMALL, f"run={run}")
    assert done.returncode == 0
    assert "has rows but no checkpoint: they are kept as metrics.jsonl.before" in done.stdout
    assert (run / "metrics.jsonl.before").read_text() == rows
    assert len(values(run)) == 4


def test_somebodys_pwm_in_the_working_folder_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "pwm.py").write_text("raise SystemExit('not ours')\n")
    done = pwm("suite", "demo", "max_epochs=0", cwd=tmp_path)
    assert "not ours" not in done.stdout + done.stderr
