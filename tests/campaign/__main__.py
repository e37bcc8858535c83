"""``make campaign``: kills, full disks and lost processes at random moments of a training.

However often a run is ended without warning, the same command ends it as if nothing had happened. Three
runs are tried, each beside one that nothing disturbs: one process that is killed, half of the times while it
saves; one whose disk fills up (a file system of its own, so this asks for root); and two processes of which
one is killed. After each blow the rows must go from 1 on without a gap and end at most one checkpoint
interval after the newest checkpoint; in the end all numbers and the agent must be equal bit for bit.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from pwm.interpreter import PYTHON
from pwm.run.checkpoint import Checkpoints
from pwm.run.folder import RunFolder
from pwm.run.metrics import read_metrics

INTERVAL = 5
SETTING = (
    *(
        "alg=st_flow_v1",
        "scale=demo",
        "env=cartpole",
        "env.options.episode_length=16",
        "num_envs=8",
        "horizon=4",
    ),
    *(
        "wm_batch_size=16",
        "wm_updates=1",
        "critic_passes=1",
        "eval_episodes=2",
        "eval_every=100",
        "log_every=1",
    ),
    *(f"checkpoint_every={INTERVAL}", "lr_schedule=constant"),
)
DISK_MB = 128


class Trial:
    """A run that is disturbed, and what was found."""

    def __init__(self, folder: Path, epochs: int, *more: str) -> None:
        self.run, self.epochs = RunFolder(folder / "run"), epochs
        self.words = [*SETTING, f"max_epochs={epochs}", *more]
        self.complaints: list[str] = []
        self.most_lost = self.blows = 0

    def start(self, path: Path) -> subprocess.Popen[str]:
        """Train in ``path``, or go on with it."""
        return subprocess.Popen(
            [*PYTHON, "-m", "pwm", "train", *self.words, f"run={path}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )

    def strike(self, blow: Callable[[subprocess.Popen[str]], str | None]) -> bool:
        """Start, let ``blow`` end it, and look at what is left; False once the run is finished."""
        before = self._last()
        process = self.start(self.run.path)
        while process.poll() is None and self._last() <= before:
            time.sleep(0.005)
        if process.poll() is not None:
            self._expect(
                process.returncode == 0, f"ended with {process.returncode}: {process.communicate()[1]}"
            )
            return False
        complaint = blow(process)
        _, said = process.communicate(timeout=120)
        if self._last() == self.epochs and process.returncode == 0:
            return False
        self._expect(complaint is None, f"{complaint}: {said}")
        self._expect("Traceback" not in said, said)
        self.blows += 1
        epochs = [row["epoch"] for row in read_metrics(self.run.metrics)]
        self._expect(epochs == list(range(1, len(epochs) + 1)), f"rows {epochs[-5:]}")
        checkpoint = max(Checkpoints(self.run.checkpoints).epochs(), default=0)
        self.most_lost = max(self.most_lost, len(epochs) - checkpoint)
        return True

    def judge(self, name: str) -> bool:
        """Let it and an undisturbed one end, compare, and print the figures."""
        calm = self.run.path.with_name("calm")
        for path in (self.run.path, calm):
            process = self.start(path)
            _, said = process.communicate()
            self._expect(process.returncode == 0, said)
        same = _rows(self.run.path) == _rows(calm) and _equal(_state(self.run.path), _state(calm))
        self._expect(same, "not equal to the undisturbed run")
        self._expect(self.most_lost <= INTERVAL, f"{self.most_lost} epochs lost, {INTERVAL} allowed")
        print(
            f"{name}: {self.blows} blows, at most {self.most_lost} epochs after the newest checkpoint "
            f"(interval {INTERVAL}), {self.epochs} epochs, {'equal' if same else 'NOT EQUAL'} bit for bit to "
            "the undisturbed run"
        )
        for complaint in self.complaints:
            print(f"  {complaint.strip()[:500]}")
        return not self.complaints

    def _expect(self, holds: bool, complaint: str) -> None:
        if not holds:
            self.complaints.append(f"after {self.blows} blows: {complaint}")

    def _last(self) -> int:
        rows = read_metrics(self.run.metrics)
        return int(rows[-1]["epoch"]) if rows else 0


def _rows(path: Path) -> list[dict[str, Any]]:
    timing = ("seconds", "fps")
    return [
        {k: v for k, v in row.items() if not k.startswith(timing)}
        for row in read_metrics(path / "metrics.jsonl")
    ]


def _state(path: Path) -> dict[str, Any]:
    loaded = Checkpoints(path / "checkpoints").load_latest()
    return {} if loaded is None else {key: loaded[0][key] for key in ("agent", "learner", "replay", "env")}


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_equal(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(_equal, a, b))
    # A replay's unwritten rows and a diverged simulation may hold nan, which equals nothing.
    return (
        torch.allclose(a, b, rtol=0, atol=0, equal_nan=True) if isinstance(a, torch.Tensor) else bool(a == b)
    )


def kills(folder: Path, number: int, dice: random.Random) -> bool:
    """Kill one process ``number`` times, every second time while it saves."""
    trial = Trial(folder, epochs=30 * number)

    def at_random(process: subprocess.Popen[str]) -> None:
        time.sleep(dice.uniform(0.0, 1.5))
        process.kill()

    def while_saving(process: subprocess.Popen[str]) -> str | None:
        for _ in range(dice.randint(1, 3)):
            deadline = time.monotonic() + 60
            while not _writes(trial.run.checkpoints):
                if process.poll() is not None:
                    return None
                if time.monotonic() > deadline:
                    process.kill()
                    return "it did not save within a minute"
        time.sleep(dice.uniform(0.0, 0.01))
        process.kill()
        return None

    while trial.blows < number and trial.strike((at_random, while_saving)[trial.blows % 2]):
        pass
    return trial.judge("killed, every second time while saving")


def _writes(folder: Path) -> bool:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return any(entry.name.endswith(".tmp") for entry in entries)
    return False


def full_disks(folder: Path, number: int, dice: random.Random) -> bool:
    """Fill the disk ``number`` times."""
    with _disk(folder / "disk") as disk:
        trial = Trial(disk, epochs=40 * number)
        filler = disk / "filler"

        def fill(process: subprocess.Popen[str]) -> str | None:
            time.sleep(dice.uniform(0.0, 1.5))
            with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
            try:
                code = process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                return "it goes on though nothing can be written"
            finally:
                filler.unlink()
            return None if code in (0, 2) else f"exit code {code}"

        while trial.blows < number and trial.strike(fill):
            pass
        return trial.judge("disk filled")


@contextlib.contextmanager
def _disk(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "campaign", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def lost_processes(folder: Path, number: int, dice: random.Random) -> bool:
    """Of two processes kill one, ``number`` times."""
    trial = Trial(folder, 60 * number, "num_processes=2")

    def kill_one(process: subprocess.Popen[str]) -> str | None:
        time.sleep(dice.uniform(0.0, 1.5))
        trainers = list(_trainers(trial.run.path))
        if len(trainers) != 2:
            return f"{len(trainers)} processes train"
        os.kill(dice.choice(trainers), signal.SIGKILL)
        try:
            code = process.wait(90)
        except subprocess.TimeoutExpired:
            process.kill()
            return "the other goes on waiting"
        left = list(_trainers(trial.run.path))
        return f"{len(left)} processes are left" if left else None if code else "it calls this a success"

    while trial.blows < number and trial.strike(kill_one):
        pass
    return trial.judge("one of two processes killed")


def _trainers(run: Path) -> Iterator[int]:
    """The processes that train in ``run``, without what started them."""
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            words = (path.with_name("cmdline")).read_bytes().decode(errors="replace").split("\0")
            started = b"PWM_LAUNCH_REPORTS=" in path.read_bytes() and f"run={run}" in words
            if started and "pwm" in words and "pwm.commands.agent" not in words:
                yield int(path.parent.name)


def main() -> int:
    """Run the three trials; returns 1 if something was lost."""
    parser = argparse.ArgumentParser(prog="make campaign", description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--disks", type=int, default=20)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory(prefix="pwm-campaign-") as name:
        for trial, number in ((kills, args.kills), (full_disks, args.disks), (lost_processes, args.pairs)):
            if number:
                folder = Path(name) / trial.__name__
                folder.mkdir()
                good &= trial(folder, number, random.Random(args.seed))
                sys.stdout.flush()
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
