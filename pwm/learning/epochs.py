"""What the three uses of learning share: online training, pretraining of a world model from a store, and
extraction of a policy from a frozen one. Each is a number of epochs that a run saves and reports."""

from __future__ import annotations

import math
import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import torch
from accelerate import Accelerator

from pwm.algorithms.agent import Agent
from pwm.config.types import TrainConfig
from pwm.envs import randomness
from pwm.errors import UserError
from pwm.learning.build import resolve_device
from pwm.learning.graphs import Captured, CudaRecorder, Recorder
from pwm.learning.learner import Learner
from pwm.learning.meters import Meters
from pwm.learning.processes import Processes
from pwm.learning.timing import PhaseTimer
from pwm.memory import keep_freed_memory

ACCELERATES = ("ACCELERATE_", "FSDP_", "PMI_", "OMPI_COMM_WORLD_", "MV2_COMM_WORLD_")
"""How the variables begin that accelerate reads besides those of torch's launcher."""


def make_accelerator(config: TrainConfig) -> Accelerator:
    """The process group and the precision that ``config`` asks for."""
    device = resolve_device(config.device)
    # The critics' last layer has one output, whose gradient's unit dimension has another stride.
    warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high" if config.tf32 else "highest")
    # What is not said here, accelerate takes from the environment: another precision, optimizer or strategy.
    for name in [name for name in os.environ if name.startswith(ACCELERATES)]:
        del os.environ[name]
    try:
        return Accelerator(cpu=device.type == "cpu", mixed_precision=config.mixed_precision)
    except torch.distributed.DistError as error:
        reason = str(error).strip().splitlines()[0]
        place = ":".join(os.environ.get(name, "?") for name in ("MASTER_ADDR", "MASTER_PORT"))
        raise UserError(f"the processes of this run could not meet at {place}: {reason}") from error


class Epochs(ABC):
    """An agent, what updates it, and how far that is.

    A kind of learning makes ``agent`` and ``learner``, says what an epoch is, and adds to the state what else
    its epochs depend on.

    Attributes:
        epoch: epochs done.
        trained_epochs: epochs done in which something was learned.
    """

    agent: Agent
    learner: Learner

    def __init__(self, config: TrainConfig, accelerator: Accelerator) -> None:
        self.config, self.accelerator = config, accelerator
        # accelerate numbers the CPUs of several processes (cpu:0), Warp knows only one.
        device: torch.device = accelerator.device
        self.device = torch.device("cpu") if device.type == "cpu" else device
        self.processes = Processes(accelerator)
        if self.device.type == "cpu":
            keep_freed_memory()
        self.meters, self.timer = Meters(self.device), PhaseTimer(self.device)
        self.epoch = self.trained_epochs = 0

    @property
    def seed(self) -> int:
        """This process's own."""
        return self.config.seed * self.processes.number + self.processes.rank

    @property
    def env_steps(self) -> int:
        """Environment steps of all processes so far."""
        return 0

    @property
    def done(self) -> bool:
        """Whether the run has all its epochs."""
        return self.epoch >= self.config.max_epochs

    @abstractmethod
    def run_epoch(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Learn for an epoch.

        Raises:
            Dropped: ``stop()``, asked now and then, said so. What was learned is then between two epochs and
                of no more use.
        """

    @property
    @abstractmethod
    def captured(self) -> tuple[Captured[Any], ...]:
        """What an epoch consists of and may be recorded as CUDA graphs."""

    def can_learn(self) -> bool:
        """Whether the next epoch learns."""
        return True

    def score(self) -> float:
        """By which the best checkpoint is known; nan where there is no such thing."""
        return math.nan

    def own_metrics(self) -> dict[str, Any]:
        """What is to be reported besides what was measured in the updates."""
        return {}

    def _recorder(self) -> Recorder | None:
        """What records updates where that can be done and is wanted."""
        wanted = self.config.cuda_graphs == "auto" and self.device.type == "cuda"
        return CudaRecorder(self.device) if wanted and self.processes.number == 1 else None

    def _end_epoch(self, learned: bool = True) -> None:
        self.epoch += 1
        self.trained_epochs += learned
        self.meters.end_epoch(self.epoch)

    def read_metrics(self) -> dict[str, Any]:
        """Everything measured since the last reading; all processes must call it together.

        Raises:
            NotFinite: an observation, a reward, a loss or a gradient was not finite.
        """
        metrics = self.processes.agree(self.meters.read)
        seconds = {f"seconds_{name}": value for name, value in self.timer.read().items()}
        return {
            "epoch": self.epoch,
            "max_epochs": self.config.max_epochs,
            **self.own_metrics(),
            "env_steps": self.env_steps,
            "trained_epochs": self.trained_epochs,
            "horizon": float(self.config.horizon),
            **metrics,
            **seconds,
        }

    def state_dict(self) -> dict[str, Any]:
        """All that the next epochs depend on. All processes must call it together.

        Raises:
            NotFinite: something was not finite since the last reading, so this is nothing to keep.
        """
        self.processes.agree(self.meters.check)
        return {
            "epoch": self.epoch,
            "trained_epochs": self.trained_epochs,
            "agent": self.agent.state_dict(),
            "learner": self.learner.state_dict(),
            "process": self.processes.gather(self._process_state()),
        }

    def _process_state(self) -> dict[str, Any]:
        """What is this process's own."""
        state = {"meters": self.meters.state_dict(), "random": torch.get_rng_state()}
        if self.device.type == "cuda":
            state["random_cuda"] = torch.cuda.get_rng_state(self.device)
        return state

    def load_state_dict(self, state: dict[str, Any]) -> str | None:
        """Continue from what :meth:`state_dict` returned. Returns what could not be continued, in words.

        Raises:
            UserError: the checkpoint is of another number of processes.
        """
        number = self.processes.number
        if len(state["process"]) != number:
            raise UserError(
                f"the checkpoint is of {len(state['process'])} processes, this run has {number}; "
                f"use num_processes={len(state['process'])}"
            )
        self.epoch, self.trained_epochs = int(state["epoch"]), int(state["trained_epochs"])
        self.agent.load_state_dict(state["agent"])
        self.learner.load_state_dict(state["learner"])
        process = state["process"][self.processes.rank]
        self.meters.load_state_dict(process["meters" if "meters" in process else "progress"])
        for captured in self.captured:
            captured.forget()
        return self._resume_random(process)

    def _resume_random(self, process: Mapping[str, Any]) -> str | None:
        """Go on with the random numbers of a process, or with others where they were of another kind of
        device."""
        before = "cuda" if "random_cuda" in process else "cpu"
        if before != self.device.type:
            torch.manual_seed(randomness.seed_from(process.get("random_cuda", process["random"])))
            return (
                f"the checkpoint is of a run on {before}, this one is on {self.device.type}: "
                "its random numbers begin anew"
            )
        torch.set_rng_state(process["random"])
        if before == "cuda":
            torch.cuda.set_rng_state(process["random_cuda"], self.device)
        return None
