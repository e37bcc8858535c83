"""The policy gradient through real networks is the derivative of the imagined return: by central
differences in double precision, for both dynamics."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pwm.algorithms.actor_loss import ActorLoss
from pwm.algorithms.agent import Agent
from pwm.config.compose import compose
from pwm.envs import make
from pwm.learning.build import Spaces, build_agent

BATCH, STEP = 3, 1e-5


class Plan(nn.Module):
    """The same actions whatever the latents are."""

    def __init__(self, actions: Tensor) -> None:
        super().__init__()
        self.actions = nn.Parameter(actions)

    def noise(self, *shape: int) -> Tensor:
        """Which of the actions it is, in place of any noise."""
        return torch.arange(float(len(self.actions))).view(-1, 1, 1).expand(*shape, 1)

    def forward(self, x: Tensor, noise: Tensor | None) -> Tensor:
        return self.actions[0] if noise is None else self.actions[noise.flatten().long().unique()].squeeze(0)


def build(alg: str, horizon: int) -> tuple[Agent, Callable[[], Tensor]]:
    """An agent all of whose networks matter, and its loss for fixed states and noise."""
    torch.manual_seed(0)
    env = make("ant", num_envs=BATCH)
    agent = build_agent(compose([f"alg={alg}", "size=tiny"]), Spaces.of(env), env.device).double()
    for parameter in agent.parameters():  # output layers that start at zero would hide what is behind them
        with torch.no_grad():
            parameter.add_(0.1 * torch.randn_like(parameter))
    observation, task = torch.randn(BATCH, 37, dtype=torch.double), torch.zeros(BATCH, dtype=torch.int64)

    def loss() -> Tensor:
        torch.manual_seed(1)
        module = ActorLoss(agent, horizon, 0.99, normalize_return=False, reward_scale="real")
        return module(observation, task)[0]

    return agent, loss


def assert_derivative(loss: Callable[[], Tensor], parameter: Tensor) -> None:
    """Autograd's derivative along a random direction is that of central differences."""
    (gradient,) = torch.autograd.grad(loss(), parameter)
    direction = torch.randn(
        parameter.shape, dtype=parameter.dtype, generator=torch.Generator().manual_seed(2)
    )
    expected = 0.0
    with torch.no_grad():
        for sign in (1, -1):
            parameter.add_(sign * STEP * direction)
            expected += sign * loss().item() / (2 * STEP)
            parameter.sub_(sign * STEP * direction)
    assert abs(expected) > 1e-4
    assert (gradient * direction).sum().item() == pytest.approx(expected, rel=1e-4)


@pytest.fixture(autouse=True)
def _double(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tensor, "float", lambda self: self)  # the reward's logits, otherwise float32


@pytest.mark.parametrize("alg", ["st_baseline", "st_flow_v2", "st_flow_v3"])
def test_with_respect_to_every_action_of_a_plan(alg: str) -> None:
    agent, loss = build(alg, horizon=4)
    plan = Plan(0.5 * torch.randn(4, BATCH, 8, dtype=torch.double))
    agent.actor = plan  # type: ignore[assignment]
    assert_derivative(loss, plan.actions)


@pytest.mark.parametrize("alg", ["st_baseline", "st_flow_v2"])
def test_with_respect_to_the_actors_parameters(alg: str) -> None:
    agent, loss = build(alg, horizon=1)  # later, the actor's own input is held fixed on purpose
    for parameter in agent.actor.parameters():
        assert_derivative(loss, parameter)
