"""The world model as one module."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pwm.errors import UserError
from pwm.models import TerminationHead, WorldModel
from pwm.nn.twohot import symlog, two_hot_loss

OBS, ACT, LATENT, TASKS = 11, 3, 32, 2
VARIANTS: dict[str, tuple[str | None, int | None, str | None]] = {
    "mlp": (None, None, None),
    "flow": ("heun", 2, "group_centered"),
}


def build(variant: str = "mlp", task_dim: int = 0, latent: str = "simnorm") -> WorldModel:
    torch.manual_seed(0)
    dynamics = "mlp" if variant == "mlp" else "flow"
    model = WorldModel(
        OBS, ACT, task_dim, TASKS, [32], [48, 48], LATENT, dynamics, *VARIANTS[variant], latent
    )
    if variant == "flow":  # zero at first
        torch.nn.init.normal_(model.get_parameter("dynamics.net.2.weight"), std=0.03)
    return model


def batch(*lead: int) -> tuple[Tensor, Tensor]:
    return torch.randn(*lead, OBS), torch.rand(*lead, ACT) * 2 - 1


def minimize(module: nn.Module, loss: Callable[[], Tensor], steps: int, lr: float) -> None:
    """Adam on ``loss()``, which may draw a fresh batch every time."""
    optimizer = torch.optim.Adam(module.parameters(), lr)
    for _ in range(steps):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()


@pytest.mark.parametrize("task_dim", [0, 4])
@pytest.mark.parametrize("variant", VARIANTS)
def test_time_dimension_gives_what_its_slices_give(variant: str, task_dim: int) -> None:
    model = build(variant, task_dim)
    observation, a = batch(6, 5)
    e = model.task_embedding(torch.tensor([0, 1, 1, 0, 1]))
    z = model.encode(observation, e)
    after = model.next(z, a, e)
    assert z.shape == after.shape == (6, 5, LATENT)
    assert model.reward_logits(z, a, e).shape == (6, 5, 101)
    assert model.reward(z, a, e).shape == (6, 5)
    assert model.dynamics_errors(z, a, after, e).shape == after.shape
    torch.testing.assert_close(z[2], model.encode(observation[2], e))
    torch.testing.assert_close(after[2], model.next(z[2], a[2], e))


def test_latents_lie_on_simplices() -> None:
    z = build().encode(batch(50)[0])
    assert z.min() >= 0
    torch.testing.assert_close(z.unflatten(-1, (-1, 8)).sum(-1), torch.ones(50, LATENT // 8))


@pytest.mark.parametrize("task_dim", [0, 4])
@pytest.mark.parametrize("variant", VARIANTS)
def test_observation_latents_are_the_clipped_observation_and_may_stand_still(
    variant: str, task_dim: int
) -> None:
    model = build(variant, task_dim, "observation")
    torch.nn.init.zeros_(model.get_parameter("dynamics.net.2.weight"))
    observation, a = batch(50)
    observation[0] = 1e6
    e = model.task_embedding(torch.zeros(50, dtype=torch.int64))
    z = model.encode(observation, e)
    assert model.latent_dim == OBS
    torch.testing.assert_close(z, observation.clamp(-10, 10))
    torch.testing.assert_close(model.next(z, a, e), z)


@pytest.mark.parametrize("variant", VARIANTS)
def test_observation_latents_follow_a_known_change(variant: str) -> None:
    model = build(variant, latent="observation")
    change = torch.randn(ACT, OBS)

    def moved() -> tuple[Tensor, Tensor, Tensor]:
        observation, a = batch(256)
        return observation, a, observation + 0.3 * a @ change

    minimize(model, lambda: model.dynamics_errors(*moved()).mean(), steps=300, lr=1e-3)
    z, a, target = moved()
    error = (model.next(z, a) - target).square().mean() / (z - target).square().mean()
    assert error < 0.05


def test_reward_starts_at_zero_everywhere() -> None:
    model = build()
    observation, a = batch(50)
    assert model.reward(model.encode(observation), a).abs().max() < 1e-5


def test_reward_scales_agree() -> None:
    model = build()
    torch.nn.init.normal_(model.reward_head[-1].weight)  # type: ignore[arg-type]
    observation, a = batch(50)
    z = model.encode(observation)
    torch.testing.assert_close(symlog(model.reward(z, a)), model.reward(z, a, scale="symlog"))
    with pytest.raises(UserError, match="reward_scale 'log'.*real, symlog"):
        model.reward(z, a, scale="log")


def test_fitted_reward_follows_the_real_one_on_held_out_transitions() -> None:
    """And its gradient reaches the action, which is all that the policy learns from."""
    model = build()

    def transitions(n: int) -> tuple[Tensor, Tensor, Tensor]:
        observation, a = batch(n)
        return observation, a, observation[:, 0] + 2 * a[:, 0] + 1

    def loss() -> Tensor:
        observation, a, reward = transitions(128)
        return two_hot_loss(model.reward_logits(model.encode(observation), a), reward).mean()

    minimize(model, loss, steps=400, lr=1e-3)
    observation, a, reward = transitions(500)
    a.requires_grad_()
    decoded = model.reward(model.encode(observation), a)
    assert torch.corrcoef(torch.stack((decoded.detach(), reward)))[0, 1] > 0.95
    (gradient,) = torch.autograd.grad(decoded.sum(), a)
    assert gradient[:, 0].mean().item() == pytest.approx(2, rel=0.3)


@pytest.mark.parametrize("variant", VARIANTS)
def test_task_embedding_is_a_parameter_and_receives_gradient(variant: str) -> None:
    """Trap 3 of the specification: an embedding outside the optimizer stays at its random start."""
    model = build(variant, task_dim=4)
    assert model.embedding is not None
    assert any(p is model.embedding.weight for p in model.parameters())
    observation, a = batch(5)
    e = model.task_embedding(torch.zeros(5, dtype=torch.long))
    z = model.encode(observation, e)
    model.dynamics_errors(z, a, torch.zeros(5, LATENT), e).sum().backward()
    gradient = model.embedding.weight.grad
    assert gradient is not None
    assert gradient[0].abs().min() > 0
    assert gradient[1].abs().max() == 0  # a task that is not in the batch


def test_task_embedding_changes_every_prediction() -> None:
    model = build(task_dim=4)
    assert model.embedding is not None
    torch.nn.init.normal_(model.embedding.weight, std=100)
    torch.nn.init.normal_(model.reward_head[-1].weight)  # type: ignore[arg-type]
    first, second = (model.task_embedding(torch.tensor([task])) for task in (0, 1))
    observation, a = batch(1)
    z = model.encode(observation, first)
    for predict in (model.next, model.reward):
        assert not torch.allclose(predict(z, a, first), predict(z, a, second))
    assert not torch.allclose(z, model.encode(observation, second))


def test_embeddings_are_scaled_back_to_a_norm_of_at_most_1() -> None:
    model = build(task_dim=4)
    assert model.embedding is not None
    with torch.no_grad():
        model.embedding.weight[0] = 100.0
        model.embedding.weight[1] = 0.1
    model.limit_embedding()
    torch.testing.assert_close(model.embedding.weight.norm(dim=-1), torch.tensor([1.0, 0.2]))


def test_single_task_has_no_embedding() -> None:
    model = build()
    assert model.embedding is None
    assert model.task_embedding(torch.zeros(3, dtype=torch.long)) is None


@pytest.mark.parametrize("variant", VARIANTS)
def test_imagined_return_has_gradient_to_the_first_action(variant: str) -> None:
    model = build(variant)
    torch.nn.init.normal_(model.reward_head[-1].weight)  # type: ignore[arg-type]
    observation, first = batch(5)
    first.requires_grad_()
    z = model.next(model.encode(observation), first)
    for _ in range(3):
        z = model.next(z, torch.zeros(5, ACT))
    (gradient,) = torch.autograd.grad(model.reward(z, torch.zeros(5, ACT)).sum(), first)
    assert gradient.abs().sum(-1).min() > 0


def test_same_seed_same_model_and_prediction() -> None:
    observation, a = batch(40)
    first, second = build("flow"), build("flow")
    assert torch.equal(first.next(first.encode(observation), a), second.next(second.encode(observation), a))


def test_bf16_autocast_keeps_latents_and_logits_float32() -> None:
    for variant in VARIANTS:
        model = build(variant)
        observation, a = batch(40)
        exact = model.next(model.encode(observation), a)
        with torch.autocast("cpu", torch.bfloat16):
            z = model.encode(observation)
            after = model.next(z, a)
            logits = model.reward_logits(z, a)
        assert z.dtype == after.dtype == logits.dtype == torch.float32
        assert (after.unflatten(-1, (-1, 8)).sum(-1) - 1).abs().max() < 1e-5
        torch.testing.assert_close(after, exact, atol=0.05, rtol=0)


def test_unknown_dynamics_lists_the_choices() -> None:
    with pytest.raises(UserError, match="dynamics 'rssm'.*flow, mlp"):
        WorldModel(OBS, ACT, 0, 1, [32], [32], LATENT, "rssm")


def test_termination_head_is_apart_and_learns() -> None:
    torch.manual_seed(0)
    head = TerminationHead(LATENT, 4, [32])
    z, e = torch.rand(3, 40, LATENT), torch.rand(40, 4)
    assert head(z, e).shape == (3, 40)
    assert TerminationHead(LATENT, 0, [32])(z, None).shape == (3, 40)
    ended = (z[..., 0] > 0.8).float()
    cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits
    minimize(head, lambda: cross_entropy(head(z, e), ended), steps=100, lr=1e-2)
    assert ((head(z, e) > 0) == ended.bool()).float().mean() > 0.95
