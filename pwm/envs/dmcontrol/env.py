"""DMControl's tasks for many environments at once, on MuJoCo's own batch of simulations."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pwm.envs.base import Step, diverged
from pwm.envs.dmcontrol.package import require
from pwm.envs.dmcontrol.tasks import TASKS

_, mujoco = require()
from mujoco.batch import Batch, SimulationError  # noqa: E402

from pwm.envs.dmcontrol.domains import DOMAINS, Doubles  # noqa: E402
from pwm.envs.dmcontrol.starts import Starts  # noqa: E402

ACTION_REPEAT = 2
"""Control steps of one agent step, whose rewards are added up (TD-MPC2)."""
EPISODE_LENGTH = 500
"""Agent steps, of every task."""
PER_THREAD = 16
"""Environments that are worth a thread."""
STATE = ("qpos", "qvel", "act", "qacc_warmstart", "ctrl")
"""What a simulation goes on from."""


class DMControlEnv:
    """A :class:`pwm.envs.base.VectorEnv` of one of the thirty tasks. It simulates on the CPU.

    Episodes are those that dm_control draws, and end after 500 agent steps; observations and rewards are its
    own, of which tensors have single precision. Each environment's episodes are its own, whatever becomes of
    the others. Episodes are never terminated. Where the simulation diverges, the episode is truncated.

    Options:
        episode_length: agent steps after which an episode is truncated.

    Raises:
        UserError: dm_control or mujoco are not installed, or not in versions that go together.
    """

    OPTIONS: ClassVar[tuple[str, ...]] = ("episode_length",)
    CHOICES: ClassVar[Mapping[str, Collection[str]]] = {}

    def __init__(
        self,
        task: str,
        num_envs: int,
        device: torch.device,
        seed: int,
        auto_reset: bool,
        episode_length: int = EPISODE_LENGTH,
    ) -> None:
        sizes = TASKS[task]
        self.name, self.num_envs, self.device = task, num_envs, device
        self.obs_dim, self.act_dim = sizes.obs_dim, sizes.act_dim
        self.tasks: tuple[str, ...] = (task,)
        self.task = torch.zeros(num_envs, dtype=torch.int64, device=device)
        self.action_mask = torch.ones(num_envs, self.act_dim, device=device)
        self.episode_length = torch.full((num_envs,), episode_length, device=device)
        self.generators = None
        self._auto_reset, self._length = auto_reset, episode_length
        self._starts = Starts(task, seed)
        model = self._starts.physics.model.ptr
        # A simulation that diverges has to show it, and not begin anew on its own.
        model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
        self._batch = Batch(model, num_envs, nthread=_threads(num_envs))
        self._fields = {name: self._batch.bind(name) for name in STATE}
        _, _, own = task.partition("-")
        domain = DOMAINS[sizes.domain]
        self._domain = domain(self._batch, own)
        if domain.MOVED is not None:
            self._fields[domain.MOVED] = self._batch.expand(domain.MOVED)
        self._episode = np.zeros(num_envs, dtype=np.int64)
        self._steps = np.zeros(num_envs, dtype=np.int64)
        self.reset()

    def reset(self) -> Tensor:
        """Start a new episode everywhere; returns the observation ``[N, obs_dim]``."""
        self._begin(np.arange(self.num_envs))
        return self._tensor(self.observe())

    def step(self, action: Tensor) -> Step:
        """Advance by two control steps with ``action`` ``[N, act_dim]``, clipped to [-1, 1].

        Raises:
            ValueError: an action of another shape.
        """
        if action.shape != self.action_mask.shape:
            raise ValueError(f"expected actions {list(self.action_mask.shape)}, got {list(action.shape)}")
        reward = self.advance(action.detach().clamp(-1.0, 1.0).cpu().numpy().astype(np.float64))
        shown = self.observe()
        lost = diverged(self._tensor(reward), self._tensor(shown))
        self._steps += 1
        ended = (self._steps >= self._length) | lost.cpu().numpy()
        observation = shown
        if self._auto_reset and ended.any():
            self._begin(np.flatnonzero(ended))
            observation = self.observe()
        truncated = self._tensor(ended, torch.bool)
        return Step(
            self._tensor(observation),
            self._tensor(reward),
            torch.zeros_like(truncated),
            truncated,
            lost,
            self._tensor(shown),
        )

    def advance(self, action: Doubles) -> Doubles:
        """Take one agent step with ``action`` ``[N, act_dim]``; returns the rewards ``[N]``."""
        # MuJoCo takes an action that is not finite for none at all; here it has to show.
        reward: Doubles = np.where(np.isfinite(action).all(1), 0.0, np.nan)
        self._fields["ctrl"][:] = action
        for _ in range(ACTION_REPEAT):
            try:
                self._batch.step(nstep=self._starts.substeps, stage=mujoco.mjtStage.mjSTAGE_VEL.value)
            except SimulationError as error:  # those kept their state
                reward[error.ids] = np.nan
            reward = reward + self._domain.reward()
        return reward

    def observe(self) -> Doubles:
        """The observation ``[N, obs_dim]`` of now, in double precision."""
        return self._domain.observation()

    def forward_velocity(self, observation: Tensor) -> Tensor:
        """``[..., N]`` nan: rewards say what is asked for."""
        return torch.full_like(observation[..., 0], torch.nan)

    def prepare(self, steps: int) -> None:
        """Nothing: chance comes in at the start of an episode only."""

    def state_dict(self) -> dict[str, Any]:
        """See :meth:`pwm.envs.base.VectorEnv.state_dict`."""
        return {name: torch.from_numpy(np.array(array)) for name, array in self._arrays().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned.

        Raises:
            ValueError: the state is that of another number or kind of environments.
        """
        arrays = self._arrays()
        # numpy would give one environment's state to all of them.
        held = {name: list(array.shape) for name, array in arrays.items()}
        given = {name: list(tensor.shape) for name, tensor in state.items()}
        if given != held:
            raise ValueError(f"state of other environments: shapes {given}, expected {held}")
        for name, array in arrays.items():
            array[:] = state[name].numpy()
        self._batch.forward(stage=mujoco.mjtStage.mjSTAGE_VEL.value)

    def _arrays(self) -> dict[str, NDArray[Any]]:
        """What :meth:`step` depends on, in place."""
        return {**self._fields, "episode": self._episode, "steps": self._steps}

    def _begin(self, rows: NDArray[np.int64]) -> None:
        """New episodes in ``rows``."""
        for row in rows.tolist():
            physics = self._starts.draw(row, int(self._episode[row]))
            for name, field in self._fields.items():
                field[row] = getattr(physics.model if name == self._domain.MOVED else physics.data, name)
        self._episode[rows] += 1
        self._steps[rows] = 0
        stage = mujoco.mjtStage.mjSTAGE_ACC if self._domain.FORCES else mujoco.mjtStage.mjSTAGE_VEL
        self._batch.forward(ids=rows, stage=stage.value)

    def _tensor(self, array: NDArray[Any], dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.from_numpy(array).to(self.device, dtype)


def _threads(num_envs: int) -> int:
    """As many as pay: of so many environments, on this process's cores."""
    return max(1, min(len(os.sched_getaffinity(0)), num_envs // PER_THREAD))
