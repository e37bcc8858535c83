"""Several processes: ``pwm train num_processes=2`` starts itself again through ``accelerate launch``; where
``PWM_LAUNCH=always`` says so, as in the image, a single process does, too.

The processes register with the one that started them, which hands signals on to them (neither
``accelerate launch`` nor the elastic agent under it does, and USR2 would kill both) and learns from
each how it ended, so that one mistake is one line and one exit code however many processes made it.

On several nodes one such launcher runs on each (``srun --ntasks-per-node=1``) and starts that node's share;
they meet at ``MASTER_ADDR`` and ``MASTER_PORT``, which the batch script sets.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from pwm.commands.surroundings import Nodes, check_numerics, forget_launchers, processes
from pwm.config.compose import environments
from pwm.config.types import TrainConfig
from pwm.config.validate import validate
from pwm.errors import UserError
from pwm.interpreter import PYTHON
from pwm.run.signals import LAUNCHER, STOPPED, heed, launcher_is_gone, spare, spared

LAUNCH = "PWM_LAUNCH"
"""Environment variable; ``always``: through ``accelerate launch`` however few the processes."""
REPORTS = "PWM_LAUNCH_REPORTS"
"""Environment variable: the folder in which the started processes report."""
STOP_FILE = "PWM_STOP_FILE"
"""Environment variable: a file whose appearance has the effect of SIGUSR2, for launchers under ``srun``."""
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2, signal.SIGHUP)
INTERRUPTED = 130
LOST = 76
"""Code in the report of a process that only lost its peer."""
PEER_LOST = (
    *("onnection closed by peer", "onnection reset by peer", "onnection refused", "roken pipe"),
    *("NCCL", "Timed out waiting", "Application timeout"),
)
"""What torch says then, whatever the backend."""
POLL_S = 0.2
GRACE_S = 30.0
"""How long the others may take to end once one process has failed."""
MEET_S = 600.0
"""How long all processes of a node may take to begin, for which they wait for the other nodes."""
AGENTS = ("ACCELERATE_", "PET_", "TORCHELASTIC_")
"""How the variables begin that ``accelerate launch`` and torch's elastic agent take for flags."""
CONFIG_FILE = "accelerate.yaml"
CONFIG = "compute_environment: LOCAL_MACHINE\ndistributed_type: 'NO'\nparallelism_config: {}\n"
"""What ``accelerate launch`` reads instead of the user's configuration; all else is on its command line."""


def train_here(config: TrainConfig) -> int:
    """Train ``config`` as this process."""
    # Here, so that a mistake in the configuration is told without waiting for torch.
    from pwm.commands.loop import train

    return train(config)


def launch(config: TrainConfig, overrides: list[str], run: Callable[[TrainConfig], int] = train_here) -> int:
    """``run`` ``config``, composed of ``overrides``, in as many processes as it says; returns the exit code.
    In a process that ``accelerate launch`` started, as that process.

    Raises:
        UserError: what ``run`` raised, in whichever process, or a process died.
    """
    heed()
    check_numerics(config.tf32)
    started = processes()
    folder = os.environ.get(REPORTS)
    if started > 1:
        config = _as_started(config, started)
    if folder is not None:
        return _reported(lambda: run(config), Path(folder))
    if started == 1 and (config.num_processes > 1 or os.environ.get(LAUNCH) == "always"):
        return _launch(config, overrides)
    return run(config)


def launch_command(config: TrainConfig, overrides: list[str], nodes: Nodes, folder: Path) -> list[str]:
    """The command line that trains in this node's share of ``config.num_processes`` processes; ``folder``
    holds :data:`CONFIG`, and takes what the elastic agent writes."""
    cores = len(os.sched_getaffinity(0))
    threads = config.threads or max(1, cores * nodes.number // config.num_processes)
    flags: dict[str, str | int] = {
        "num_processes": config.num_processes,
        "num_machines": nodes.number,
        "mixed_precision": config.mixed_precision,
        "dynamo_backend": "no",
        "main_process_port": nodes.port,
        "num_cpu_threads_per_process": threads,
        "config_file": str(folder / CONFIG_FILE),
        "log_dir": str(folder / "agent"),
    }
    if nodes.address is not None:
        flags |= {"machine_rank": nodes.rank, "main_process_ip": nodes.address}
    command = [*PYTHON, "-m", "pwm.commands.agent"]
    if config.num_processes > 1:  # without GPUs, too, this is what makes accelerate start several
        command.append("--multi_gpu")
    command += [f"--{name}={value}" for name, value in sorted(flags.items())]
    return [*command, "--no_python", *PYTHON, "-u", "-m", "pwm", "train", *overrides]


def _as_started(config: TrainConfig, processes: int) -> TrainConfig:
    if config.num_processes not in (1, processes):
        raise UserError(
            f"num_processes={config.num_processes}, but accelerate launch started {processes} processes; "
            f"say num_processes={processes} or leave it out"
        )
    config = replace(config, num_processes=processes)
    validate(config, environments())
    return config


def _reported(run: Callable[[], int], folder: Path) -> int:
    """Run and report how it ended. The exit code is 0 even so: the elastic agent's own account of a
    failure would bury the one line that explains it."""
    rank = os.environ.get("RANK", "0")
    _put(folder / f"{rank}.pid", str(os.getpid()))
    code, message = 1, None
    try:
        code = run()
    except UserError as error:
        code, message = error.exit_code, str(error)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception as error:
        if any(words in str(error) for words in PEER_LOST):
            code = LOST
        elif not any(_failed(report) for report in _reports(folder)):
            traceback.print_exc()
    if launcher_is_gone():
        shutil.rmtree(folder, ignore_errors=True)
        return code
    _put(folder / f"{rank}.json", json.dumps({"code": code, "message": message}))
    return 0


def _launch(config: TrainConfig, overrides: list[str]) -> int:
    nodes = Nodes.of_slurm()
    if config.num_processes % nodes.number:
        raise UserError(
            f"num_processes={config.num_processes} on {nodes.number} nodes: "
            f"expected a multiple of {nodes.number}"
        )
    here = config.num_processes // nodes.number
    with _meeting_place() as folder:
        with _collected_signals() as received:
            # A session of its own: what the terminal sends arrives here, and is handed on from here.
            process = subprocess.Popen(
                launch_command(config, overrides, nodes, folder),
                env=_environment(folder),
                start_new_session=True,
                preexec_fn=spare,  # only the trainers in it answer
            )
            delivered = _wait(process, folder, here, received)
        return _outcome(process.returncode, list(_reports(folder)), here, delivered)


@contextlib.contextmanager
def _meeting_place() -> Iterator[Path]:
    """A folder in which the processes to be started report."""
    with contextlib.ExitStack() as stack:
        try:
            prepared = tempfile.TemporaryDirectory(prefix="pwm-launch-", ignore_cleanup_errors=True)
            folder = Path(stack.enter_context(prepared))
            _put(folder / CONFIG_FILE, CONFIG)
        except OSError as error:
            raise UserError(
                f"cannot write a temporary file: {error.strerror}; make room, or set TMPDIR to another folder"
            ) from error
        yield folder


def _environment(folder: Path) -> dict[str, str]:
    """Of the processes to be started, which report in ``folder``."""
    environment = {**os.environ, REPORTS: str(folder), LAUNCHER: str(os.getpid())}
    for name in [name for name in environment if name.startswith(AGENTS)]:
        del environment[name]
    forget_launchers(environment)
    return environment | spared()


@contextlib.contextmanager
def _collected_signals() -> Iterator[list[int]]:
    """The signals received inside the block, instead of their effect."""
    received: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        received.append(number)

    heeded = [number for number in FORWARDED if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, remember) for number in heeded}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait(process: subprocess.Popen[bytes], folder: Path, processes: int, received: list[int]) -> list[int]:
    """Wait for the end, handing on signals; returns those handed on. Before all have begun there is nothing
    to save, and a signal ends them.

    Raises:
        UserError: they do not begin.
    """
    delivered: list[int] = []
    deadline, meeting = float("inf"), time.monotonic() + MEET_S
    stop_file = os.environ.get(STOP_FILE)
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(POLL_S)
            return delivered
        if stop_file is not None and os.path.exists(stop_file):
            received.append(signal.SIGUSR2)
            stop_file = None
        pids = _running(folder)
        begun = len(list(folder.glob("*.pid")))
        while received and begun == processes:
            delivered.append(received.pop(0))
            _kill(pids, delivered[-1])
        late = time.monotonic() > meeting
        if begun < processes and (received or late):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if received:
                return [received[0]]
            raise UserError(
                f"{begun} of {processes} training processes began within {MEET_S / 60:.0f} minutes; if there "
                f"are several nodes, did the job start on all of them, and can they reach MASTER_ADDR="
                f"{os.environ.get('MASTER_ADDR')}?"
            )
        if deadline == float("inf") and any(_failed(report) for report in _reports(folder)):
            deadline = time.monotonic() + GRACE_S
        if time.monotonic() > deadline:
            _kill(pids, signal.SIGKILL)


def _outcome(returncode: int, reports: list[dict[str, Any]], processes: int, delivered: list[int]) -> int:
    messages = list(dict.fromkeys(report["message"] for report in reports if report["message"]))
    if messages:
        raise UserError("; ".join(messages))
    failed = [report["code"] for report in reports if _failed(report) and report["code"] != LOST]
    if failed:
        return int(failed[0])
    died = processes - sum(report["code"] != LOST for report in reports)
    if died:
        if delivered:  # before it was ready to save
            return 128 + delivered[-1]
        raise UserError(
            f"{processes - len(reports) or died} of {processes} training processes died without an error of "
            f"their own (accelerate launch: exit code {returncode}); out of memory? "
            "The same command resumes from the last checkpoint"
        )
    return max(int(report["code"]) for report in reports)


def _failed(report: dict[str, Any]) -> bool:
    return report["code"] not in (0, STOPPED)


def _reports(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("*.json")):
        yield json.loads(path.read_text(encoding="utf-8"))


def _running(folder: Path) -> list[int]:
    """The registered processes that have not reported their end."""
    paths = [path for path in folder.glob("*.pid") if not path.with_suffix(".json").exists()]
    return [int(path.read_text(encoding="utf-8")) for path in paths]


def _kill(pids: list[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _put(path: Path, text: str) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
