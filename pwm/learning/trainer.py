"""One epoch of PWM, and everything it depends on."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from pwm.algorithms.actor_loss import Rollout
from pwm.algorithms.agent import Agent
from pwm.algorithms.normalizer import sum_over_processes
from pwm.config.types import TrainConfig
from pwm.data.batch import Batch
from pwm.data.experience import Experience, experience
from pwm.data.replay import Replay
from pwm.envs.base import Step, VectorEnv
from pwm.envs.scores import combined
from pwm.learning.build import Spaces, build_agent, build_env
from pwm.learning.episodes import WINDOW, EpisodeStats
from pwm.learning.epochs import Epochs
from pwm.learning.graphs import Captured, Recorder
from pwm.learning.learner import Learner, Metrics
from pwm.learning.meters import ENVIRONMENTS
from pwm.run.signals import Dropped


class Trainer(Epochs):
    """Online training: environments, replay, agent and learner of one process, and how an epoch uses them."""

    def __init__(self, config: TrainConfig, accelerator: Accelerator) -> None:
        super().__init__(config, accelerator)
        number = self.processes.number
        num_envs = config.num_envs // number
        torch.manual_seed(config.seed)
        self.env = self._make_env(num_envs)
        self.agent = self._make_agent()
        self.learner = Learner(self.agent, config, accelerator)
        torch.manual_seed(self.seed)  # equal networks, unlike samples
        capacity = config.replay_capacity // number
        self.replay = Replay(
            capacity, num_envs, self.env.obs_dim, self.env.act_dim, config.horizon, self.env.task
        )
        self.episodes = EpisodeStats(self.env.task, len(self.env.tasks), -(-WINDOW // number))
        self.observation = self.env.reset()
        self._visited = self.observation[None]
        self._longest_episode = int(self.env.episode_length.max())
        walking = self.env.forward_velocity(self.observation).isfinite()
        self._present = self.env.task.unique_consecutive().tolist()
        rows = ((self.env.task == index) & walking for index in range(len(self.env.tasks)))
        self._walks = {
            task: own.nonzero().flatten()
            for task, own in zip(self.env.tasks, rows, strict=True)
            if bool(own.any())
        }
        self.capture(self._recorder())

    def _make_env(self, num_envs: int) -> VectorEnv:
        return build_env(self.config, num_envs, self.device, self.seed, self.config.env_shares)

    def _make_agent(self) -> Agent:
        return build_agent(self.config, Spaces.of(self.env), self.device)

    @property
    def _draws_on_device(self) -> bool:
        """Whether drawing a batch can be recorded."""
        return True

    def capture(self, recorder: Recorder | None) -> None:
        """Record what an epoch consists of with ``recorder``, or with None run it as it is."""
        learner, generators = self.learner, self.env.generators

        def update_critic(*rollout: Tensor) -> Metrics:
            return learner.update_critic(Rollout(*rollout))

        def update_world_model() -> Metrics:
            return learner.update_world_model(self.sample())

        self._act = Captured(
            self._act_closed_loop, None if generators is None else recorder, generators or ()
        )
        self.update_actor = Captured(learner.update_actor, recorder)
        self.update_critic = Captured(update_critic, recorder)
        self.update_world_model = Captured(update_world_model, recorder if self._draws_on_device else None)

    @property
    def env_steps(self) -> int:
        """Environment steps of all processes so far."""
        return self.epoch * self.config.horizon * self.config.num_envs

    @property
    def captured(self) -> tuple[Captured[Any], ...]:
        return (self._act, self.update_actor, self.update_critic, self.update_world_model)

    def run_epoch(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Collect ``horizon`` steps and, once an episode has finished, learn.

        Raises:
            Dropped: ``stop()``, asked before every world-model update, said so. The trainer is then
                between two epochs and of no more use.
        """
        config = self.config
        self.learner.set_epoch(self.epoch)
        learn = self.trained_epochs > 0 or self.can_learn()
        act = learn and self.trained_epochs >= config.actor_start_epoch
        if act and config.collection == "lockstep":
            with self.timer.phase("actor"):
                metrics, rollout = self._act_in_lockstep()
            self._learn_behaviour(metrics, rollout)
        else:
            self.collect()
            for _ in range(config.actor_updates if act else 0):
                with self.timer.phase("actor"):
                    metrics, rollout = self.update_actor(*self.start_states())
                self._learn_behaviour(metrics, rollout)
        if learn:
            with self.timer.phase("world_model"):
                self.replay.prepare(self.learner.needs_slices)
                for _ in range(self._model_updates()):
                    if stop():
                        raise Dropped
                    self.meters.add(self.update_world_model())
        self._end_epoch(learn)

    def sample(self) -> Batch:
        """This process's share of a batch for the world model."""
        return self.replay.sample(
            self.config.wm_batch_size // self.processes.number, self.learner.needs_slices
        )

    def can_learn(self) -> bool:
        """Whether every process has a finished episode and, where the loss needs one, a slice to learn from.
        Waits for the device, so it is asked only until learning starts."""
        ready = self.episodes.count.sum().clamp(max=1)
        if self.learner.needs_slices:
            ready = ready * min(1, self.replay.num_slices())
        return int(sum_over_processes(ready)) == self.processes.number

    def _model_updates(self) -> int:
        if self.trained_epochs > 0:
            return self.config.wm_updates
        return self.config.wm_first_updates or self._longest_episode

    def _learn_behaviour(self, metrics: Metrics, rollout: Rollout) -> None:
        self.meters.add(metrics)
        with self.timer.phase("critic"):
            self.meters.add(self.update_critic(*rollout))

    def start_states(self) -> tuple[Tensor, Tensor]:
        """Observations ``[B, obs_dim]`` and tasks ``[B]`` to imagine from, among those just met; each task is
        as likely, however many environments it has."""
        size = (self.config.imagination_batch or self.config.num_envs) // self.processes.number
        rows = self.replay.task_rows
        task = torch.randint(len(rows), (size,), device=self.device)
        first, number = rows[task].unbind(1)
        env = first + (torch.rand(size, dtype=torch.float64, device=self.device) * number).long()
        step = torch.randint(len(self._visited), (size,), device=self.device)
        return self._visited[step, env], self.env.task[env]

    def collect(self) -> None:
        """Act, and remember it."""
        with self.timer.phase("collect"):
            self._remember(*self._act(self.observation))

    @torch.no_grad()
    def _act_closed_loop(self, observation: Tensor) -> tuple[Experience, Tensor]:
        """What ``horizon`` steps from ``observation`` ``[N, obs_dim]`` gave, and what to act on next."""
        agent, horizon = self.agent, self.config.horizon
        self.env.prepare(horizon)
        tasks, taken = agent.look_up(self.env.task), []
        for noise in agent.actor.noise(horizon, self.env.num_envs).unbind():
            action = agent.policy(agent.encode(observation, tasks), tasks, noise)
            step = self.env.step(action)
            taken.append((observation, action, step))
            observation = step.observation
        return experience(taken), observation

    def _act_in_lockstep(self) -> tuple[Metrics, Rollout]:
        """Update the actor on a rollout, in which the environments take its actions."""
        observation, taken = self.observation, []

        @torch.no_grad()
        def step_env(action: Tensor) -> Step:
            nonlocal observation
            step = self.env.step(action)
            taken.append((observation, action, step))
            observation = step.observation
            return step

        self.env.prepare(self.config.horizon)
        updated = self.learner.update_actor(self.observation, self.env.task, step_env)
        self._remember(experience(taken), observation)
        return updated

    def _remember(self, seen: Experience, observation: Tensor) -> None:
        """Take this epoch's steps into the replay, the statistics and the meters; ``observation`` is to be
        acted on next. Where a simulation diverged, what was acted on is a real observation, but its reward
        may be none."""
        self.observation = observation
        self._visited = seen.observation
        self.replay.add(seen)
        self.episodes.add(seen)
        self.agent.observe(
            seen.observation, seen.reward, self.env.task.expand_as(seen.reward), ~seen.diverged
        )
        most = 2 * seen.diverged.any(0).sum() > self.env.num_envs
        self.meters.flag(ENVIRONMENTS, most, self.epoch + 1)
        if self._walks:
            velocity = self.env.forward_velocity(seen.observation)
            self.meters.add({"forward_velocity": velocity.nanmean()})
            if len(self._present) > 1:
                self.meters.add(
                    {
                        f"forward_velocity_{task}": velocity[:, rows].mean()
                        for task, rows in self._walks.items()
                    }
                )

    def returns(self) -> dict[str, float]:
        """``R`` and ``episode_length``: means over the last finished training episodes, nan before the
        first. With several tasks, ``R`` is the mean of their scores (:func:`pwm.envs.scores.combined`), and
        each has its own ``R_<task>`` (the return) and ``episode_length_<task>``.
        ``diverged`` is the number of episodes so far whose simulation diverged."""
        table = sum_over_processes(self.episodes.sums())[self._present]
        means = (table[:, :2] / table[:, 2:3]).tolist()
        tasks = [self.env.tasks[index] for index in self._present]
        result = {
            "R": combined({task: row[0] for task, row in zip(tasks, means, strict=True)}),
            "episode_length": sum(row[1] for row in means) / len(tasks),
            "diverged": int(table[:, 3].sum()),
        }
        if len(tasks) > 1:
            for task, row in zip(tasks, means, strict=True):
                result |= {f"R_{task}": row[0], f"episode_length_{task}": row[1]}
        return result

    def own_metrics(self) -> dict[str, Any]:
        # nan where no task has a notion of forwards
        return self.returns() | {"forward_velocity": math.nan}

    def score(self) -> float:
        return self.returns()["R"]

    def state_dict(self) -> dict[str, Any]:
        """See :meth:`Epochs.state_dict`; the replay is this process's own."""
        state = super().state_dict()
        return state | {
            "env": self.processes.gather(self.env.state_dict()),
            "replay": [self.replay.state_dict()],
        }

    def _process_state(self) -> dict[str, Any]:
        own = {"observation": self.observation, "episodes": self.episodes.state_dict()}
        return super()._process_state() | own

    def load_state_dict(self, state: dict[str, Any]) -> str | None:
        """See :meth:`Epochs.load_state_dict`; ``replay`` holds this process's own or those of all."""
        remark = super().load_state_dict(state)
        number, rank = self.processes.number, self.processes.rank
        process, replays = state["process"][rank], state["replay"]
        self.replay.load_state_dict(replays[rank if len(replays) == number else 0])
        self.env.load_state_dict(state["env"][rank])
        # Checkpoints of before diverged episodes were counted have none.
        self.episodes.load_state_dict({"diverged": self.episodes.diverged, **process["episodes"]})
        self.observation = process["observation"].to(self.device)
        return remark
