"""Actor and critic."""

from __future__ import annotations

import pytest
import torch

from pwm.models import Actor, Critic


def test_actions_are_within_bounds_and_stochastic_only_when_asked() -> None:
    torch.manual_seed(0)
    actor = Actor(16, 3, [32, 24])
    x = torch.randn(7, 5, 16)
    sample = actor(x, actor.noise(7, 5))
    assert sample.shape == (7, 5, 3)
    assert sample.abs().max() <= 1
    assert not torch.equal(sample, actor(x, actor.noise(7, 5)))
    assert torch.equal(actor(x), actor(x))
    assert torch.equal(actor(x), torch.tanh(actor.mean(x)))


def test_samples_spread_as_the_log_deviation_says() -> None:
    torch.manual_seed(0)
    actor = Actor(16, 2, [32], init_scale=0.0)
    before_tanh = torch.atanh(actor(torch.zeros(20_000, 16), actor.noise(20_000)))
    assert before_tanh.mean().abs() < 0.01
    assert before_tanh.std().item() == pytest.approx(torch.tensor(-1.0).exp().item(), rel=0.02)
    actor.log_std.data.fill_(-9)
    narrowest = torch.atanh(actor(torch.zeros(20_000, 16), actor.noise(20_000))).std().item()
    assert narrowest == pytest.approx(torch.tensor(-1.427).exp().item(), rel=0.02)


def test_gradient_reaches_mean_and_deviation_through_a_sample() -> None:
    actor = Actor(16, 3, [32])
    actor(torch.randn(9, 16), actor.noise(9)).sum().backward()
    for parameter in actor.parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().max() > 0
    assert actor.log_std.shape == (3,)


def test_init_scale_starts_the_policy_near_zero() -> None:
    torch.manual_seed(0)
    x = torch.randn(100, 16)
    large = Actor(16, 3, [32, 32], init_scale=1.0)(x).abs().mean()
    small = Actor(16, 3, [32, 32], init_scale=0.01)(x).abs().mean()
    assert large > 0.3
    assert small < 0.02


def test_layers_are_linear_mish_layernorm() -> None:
    kinds = [type(layer).__name__ for layer in Actor(16, 3, [400, 200, 100]).mean]
    assert kinds == ["Linear", "Mish", "LayerNorm"] * 3 + ["ExactLinear"]


def test_critic_returns_every_members_value() -> None:
    torch.manual_seed(0)
    critic = Critic(16, [40, 20], ensemble=3)
    x = torch.randn(7, 5, 16)
    values = critic(x)
    assert values.shape == (3, 7, 5)
    torch.testing.assert_close(values[:, 4], critic(x[4]))
    assert values.std(0).min() > 0


def test_critic_fits_a_value_with_every_member() -> None:
    torch.manual_seed(0)
    critic = Critic(8, [64, 32])
    x = torch.randn(256, 8)
    target = x[:, 0] * x[:, 1]
    optimizer = torch.optim.Adam(critic.parameters(), 3e-3)
    for _ in range(300):
        optimizer.zero_grad()
        (critic(x) - target).square().mean().backward()
        optimizer.step()
    assert (critic(x) - target).square().mean(1).max() < 0.02
