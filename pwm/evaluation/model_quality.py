"""How well a world model predicts, as open-loop errors over 1 to ``HORIZON`` steps on fresh real data, and
how well its gradient agrees with the real one.

The errors are mean squared errors divided by the variance of what is predicted, so 1 is as bad as predicting
the mean. Latents of different models are not comparable; the observation decoded from the latent (by ridge
regression, fitted on other environments than it is tested on) and the reward are.
"""

from __future__ import annotations

import json
from typing import Any

import torch
from torch import Tensor

from pwm.algorithms.agent import Agent
from pwm.data.batch import Slices
from pwm.envs.base import VectorEnv
from pwm.evaluation.gradient_quality import Slopes, agreement
from pwm.files import replace_text
from pwm.models.dynamics import FlowDynamics
from pwm.run.folder import RunFolder
from pwm.run.metrics import jsonable

HORIZON = 16
SUBSTEPS = (1, 2, 4, 8, 16)
NO_SUBSTEPS = "none"
RIDGE = 1e-3


@torch.no_grad()
def gather(agent: Agent, env: VectorEnv, stretches: int) -> Slices:
    """``stretches`` consecutive stretches of every environment, acting as in training; those in which an
    episode ends are left out."""
    observation = env.reset()
    kept: list[Slices] = []
    for _ in range(stretches):
        seen, actions, rewards = [observation], [], []
        whole = torch.ones(env.num_envs, dtype=torch.bool, device=env.device)
        for _ in range(HORIZON):
            action = agent.act(observation, env.task)
            step = env.step(action)
            whole &= ~(step.terminated | step.truncated)
            seen.append(step.final_observation)
            actions.append(action)
            rewards.append(step.reward)
            observation = step.observation
        kept.append(
            Slices(
                torch.stack(seen)[:, whole],
                torch.stack(actions)[:, whole],
                torch.stack(rewards)[:, whole],
                env.task[whole],
            )
        )
    parts = zip(*kept, strict=True)
    return Slices(*(torch.cat(part, dim=min(1, part[0].dim() - 1)) for part in parts))


@torch.no_grad()
def measure(
    agent: Agent, fit: Slices, test: Slices, slopes: Slopes, gamma: float
) -> dict[str, dict[str, list[float]]]:
    """Values after 1 to ``HORIZON`` steps by substeps and kind: the errors ``latent``, ``reward``, ``return``
    (the discounted rewards up to there, of the same actions) and ``observation`` on ``test``, the decoder
    having learned from ``fit``, and ``gradient``, the cosine with the real ``slopes``."""
    decode = decoder(agent, fit)

    def all_kinds() -> dict[str, list[float]]:
        return errors(agent, test, decode, gamma) | {"gradient": agreement(agent, slopes, gamma)}

    dynamics = agent.world_model.dynamics
    if not isinstance(dynamics, FlowDynamics):
        return {NO_SUBSTEPS: all_kinds()}
    own, result = dynamics.substeps, {}
    try:
        for substeps in sorted({*SUBSTEPS, own}):
            dynamics.substeps = substeps
            result[str(substeps)] = all_kinds()
    finally:
        dynamics.substeps = own
    return result


def save(folder: RunFolder, epoch: int, own: int | None, errors: dict[str, dict[str, list[float]]]) -> None:
    """Leave the errors in the run folder, where the report finds them."""
    content: dict[str, Any] = {
        "epoch": epoch,
        "horizon": HORIZON,
        "substeps": NO_SUBSTEPS if own is None else own,
        "errors": jsonable(errors),
    }
    replace_text(folder.world_model, json.dumps(content, indent=1))


@torch.no_grad()
def errors(agent: Agent, data: Slices, weights: Tensor, gamma: float) -> dict[str, list[float]]:
    """The ``latent``, ``reward``, ``return`` and ``observation`` errors after 1 to ``HORIZON`` steps, by
    kind; ``weights`` are those of :func:`decoder`."""
    tasks = agent.look_up(data.task)
    latents = agent.encode(data.observation, tasks)
    observations = _normalized(agent, data)
    rewards = agent.scale_reward(data.reward, data.task)
    found: dict[str, list[float]] = {"latent": [], "reward": [], "return": [], "observation": []}
    z, imagined, real = latents[0], torch.zeros_like(rewards[0]), torch.zeros_like(rewards[0])
    transition = agent.world_model.transition(tasks.embedding)
    for t in range(HORIZON):
        predicted = agent.world_model.reward(z, data.action[t], tasks.embedding)
        z = transition(z, data.action[t])
        imagined, real = imagined + gamma**t * predicted, real + gamma**t * rewards[t]
        found["reward"].append(_share(predicted - rewards[t], rewards))
        found["return"].append(_share(imagined - real, real))
        found["latent"].append(_share(z - latents[t + 1], latents))
        found["observation"].append(_share(_with_one(z) @ weights - observations[t + 1], observations))
    return found


@torch.no_grad()
def decoder(agent: Agent, data: Slices) -> Tensor:
    """``[latent_dim + 1, obs_dim]``: ridge regression from latents to normalised observations."""
    inputs = _with_one(agent.encode(data.observation, agent.look_up(data.task))).flatten(0, 1).double()
    targets = _normalized(agent, data).flatten(0, 1).double()
    gram = inputs.T @ inputs
    gram.diagonal().add_(RIDGE * len(inputs) / inputs.shape[1])
    return torch.linalg.solve(gram, inputs.T @ targets).float()


def _normalized(agent: Agent, data: Slices) -> Tensor:
    if agent.observation_stats is None:
        return data.observation
    return agent.observation_stats.normalize(data.observation, data.task)


def _with_one(z: Tensor) -> Tensor:
    return torch.cat([z, torch.ones_like(z[..., :1])], -1)


def _share(error: Tensor, values: Tensor) -> float:
    """Mean squared ``error`` as a share of the variance of ``values``, components added up."""
    flat = values.reshape(-1, *error.shape[1:]).double()
    variance = flat.var(0, correction=0).sum() if flat.dim() > 1 else flat.var(correction=0)
    squared = error.double().square()
    mean = squared.mean(0).sum() if squared.dim() > 1 else squared.mean()
    return float(mean / variance.clamp(min=1e-12))
