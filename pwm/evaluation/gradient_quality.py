"""Does the imagined gradient point where the real one does? Measured by finite differences in the simulator.

PWM's policy learns from the gradient of an imagined return alone, and a model may predict returns well while
its gradient with respect to the actions points elsewhere: the actions of a policy vary little on their own.
So a real stretch of an episode is replayed from its first state with its actions moved a little both ways
along random directions; the slopes of the real return are compared with those by the model's gradient.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from pwm.algorithms.agent import Agent
from pwm.envs.base import VectorEnv

EPSILON = 0.05
"""How far each action component is moved, of its range [-1, 1]."""
SPACING = 24
"""Steps between the first states of two stretches of one environment."""


class Slopes(NamedTuple):
    """Real stretches of ``H`` steps from ``B`` states, and how their returns change."""

    observation: Tensor
    """``[B, obs_dim]``, the first one."""
    task: Tensor
    """``[B]``."""
    action: Tensor
    """``[H, B, act_dim]``."""
    direction: Tensor
    """``[M, H, B, act_dim]``, of 1 and -1."""
    slope: Tensor
    """``[M, H, B]``: the derivative along a direction of the discounted return of the first 1 to H steps."""


@torch.no_grad()
def gather(
    agent: Agent, env: VectorEnv, stretches: int, horizon: int, directions: int, gamma: float
) -> Slopes:
    """``stretches`` stretches of each environment, acting as in training; those in which an episode ends are
    left out. It simulates ``2 * directions * stretches * horizon`` steps."""
    observation = env.reset()
    kept: list[Slopes] = []
    for _ in range(stretches):
        for _ in range(SPACING):
            observation = env.step(agent.act(observation, env.task)).observation
        start, first = env.state_dict(), observation
        actions = []
        for _ in range(horizon):
            actions.append(agent.act(observation, env.task).clamp(EPSILON - 1, 1 - EPSILON))
            observation = env.step(actions[-1]).observation
        action, end = torch.stack(actions), env.state_dict()
        direction = torch.randint(0, 2, (directions, *action.shape), device=env.device).to(action.dtype)
        direction = (2 * direction - 1) * env.action_mask
        slopes, whole = [], torch.ones(env.num_envs, dtype=torch.bool, device=env.device)
        for along in direction:
            returns = []
            for moved in (action + EPSILON * along, action - EPSILON * along):
                env.load_state_dict(start)
                total, ended = _returns(env, moved, gamma)
                returns.append(total)
                whole &= ~ended
            slopes.append((returns[0] - returns[1]) / (2 * EPSILON))
        env.load_state_dict(end)
        slope = torch.stack(slopes)
        kept.append(
            Slopes(
                first[whole], env.task[whole], action[:, whole], direction[:, :, whole], slope[:, :, whole]
            )
        )
    batched = (0, 0, 1, 2, 2)  # the dimension of B in each field
    return Slopes(
        *(torch.cat(parts, dim) for parts, dim in zip(zip(*kept, strict=True), batched, strict=True))
    )


@torch.enable_grad()
def agreement(agent: Agent, real: Slopes, gamma: float) -> list[float]:
    """The cosine between imagined and real slopes of the return of the first 1 to H steps: 1 is a perfect
    gradient, 0 an unrelated one; nan where no action matters (a reward that knows only the state before)."""
    action = real.action.detach().clone().requires_grad_(True)
    with torch.no_grad():
        tasks = agent.look_up(real.task)
        z = agent.encode(real.observation, tasks)
    transition = agent.world_model.transition(tasks.embedding)
    total, cosines = 0.0 * action.sum((0, 2)), []  # 0, yet a function of the actions
    for t, a in enumerate(action):
        reward = agent.world_model.reward(z, a, tasks.embedding)
        z = transition(z, a)
        total = total + gamma**t * reward
        (gradient,) = torch.autograd.grad(total.sum(), action, retain_graph=True)
        imagined = torch.einsum("hba,mhba->mb", gradient, real.direction)
        cosines.append(_cosine(imagined, real.slope[:, t]))
    return cosines


def _returns(env: VectorEnv, action: Tensor, gamma: float) -> tuple[Tensor, Tensor]:
    """Discounted returns ``[H, N]`` of the first 1 to H of ``action`` ``[H, N, act_dim]``, and whether an
    episode ended ``[N]``."""
    rewards, ended = [], torch.zeros(env.num_envs, dtype=torch.bool, device=env.device)
    for t, a in enumerate(action):
        step = env.step(a)
        rewards.append(gamma**t * step.reward)
        ended |= step.terminated | step.truncated
    return torch.stack(rewards).cumsum(0), ended


def _cosine(a: Tensor, b: Tensor) -> float:
    a, b = a.flatten().double(), b.flatten().double()
    norms = a.norm() * b.norm()
    return float(a @ b / norms) if norms > 0 else float("nan")
