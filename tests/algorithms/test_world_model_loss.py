"""What the world model's loss makes of the encoder."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pwm.algorithms.agent import Agent
from pwm.algorithms.normalizer import moments
from pwm.algorithms.world_model_loss import SPREAD_FLOOR, WorldModelLoss
from pwm.data import Batch, Transitions
from pwm.models import Actor, Critic, WorldModel

OBS, ACT, LATENT, SIZE, HORIZON = 8, 2, 32, 64, 4
VARIANTS: dict[str, tuple[str | None, int | None]] = {"mlp": (None, None), "flow": ("heun", 2)}


def batch() -> Batch:
    """Observations that drift at random, so that no dynamics predicts them well, and no reward."""
    rows = SIZE * HORIZON
    observation = torch.randn(rows, OBS)
    return Batch(
        Transitions(
            observation=observation,
            action=torch.rand(rows, ACT) * 2 - 1,
            reward=torch.zeros(rows),
            terminated=torch.zeros(rows, dtype=torch.bool),
            next_observation=observation + 0.5 * torch.randn(rows, OBS),
            task=torch.zeros(rows, dtype=torch.int64),
        ),
        None,
    )


def deviations(updates: int, variant: str, latent: str) -> Tensor:
    """Of a latent's components ``[LATENT]``, once the world model has had ``updates``."""
    torch.manual_seed(0)
    model = WorldModel(OBS, ACT, 0, 1, [32], [32, 32], LATENT, variant, *VARIANTS[variant], None, latent)
    actor, critic = Actor(LATENT, ACT, [16]), Critic(LATENT, [16])
    agent = Agent(model, actor, critic, None, torch.ones(1, ACT), OBS, True, False)
    seen = batch().transitions
    agent.observe(seen.observation, seen.reward, seen.task)
    loss = WorldModelLoss(agent, HORIZON, 0.0, 10.0, 1.0, 1.0, 0.99)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(updates):
        optimizer.zero_grad()
        loss(batch())[0].backward()
        optimizer.step()
    with torch.no_grad():
        return agent.encode(seen.observation, agent.look_up(seen.task)).std(0, correction=0)


def spread(deviations: Tensor) -> float:
    """The root mean square over components."""
    return float(deviations.square().mean().sqrt())


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_component_of_standardized_latents_is_drawn_together_or_driven_apart(variant: str) -> None:
    before, after = (deviations(updates, variant, "standardized") for updates in (0, 300))
    assert after.min() > 0.7 * SPREAD_FLOOR
    assert after.max() < 1.2 * before.max()
    assert spread(after) < 1.2 * spread(before)


def test_a_flow_draws_other_latents_together() -> None:
    """Its target ``z* - z`` pulls ``z`` along, and there is nothing here to tell states apart for."""
    before, after = (deviations(updates, "flow", "simnorm") for updates in (0, 300))
    assert spread(after) < 0.5 * spread(before)


def test_the_variance_has_a_gradient() -> None:
    values = torch.randn(5, 40, 3, requires_grad=True)
    _, variance = moments(values)
    torch.testing.assert_close(variance, values.flatten(0, 1).var(0, correction=0))
    (gradient,) = torch.autograd.grad(variance.mean(), values)
    expected = 2 * (values - values.mean((0, 1))) / values.numel()
    torch.testing.assert_close(gradient, expected.detach())
