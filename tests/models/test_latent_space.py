"""Standardized latents: what the networks see does not shrink where an encoder draws its latents together."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pwm.errors import UserError
from pwm.models.dynamics import Dynamics, FlowDynamics, MLPDynamics
from pwm.models.latent_space import LatentSpace
from pwm.nn.activations import simnorm

LATENT, ACT = 64, 4


def space(z: Tensor) -> LatentSpace:
    """A standardizing space that has seen ``z`` ``[n, LATENT]``."""
    seen = LatentSpace("standardized", LATENT)
    seen.update(z.mean(0), z.std(0))
    return seen


def latents(spread: float, n: int = 512) -> Tensor:
    """Latents on simplices; the smaller ``spread``, the closer they are to each other."""
    torch.manual_seed(0)
    return simnorm(spread * torch.randn(n, LATENT))


def dynamics(name: str, seen: LatentSpace) -> Dynamics:
    if name == "mlp":
        return MLPDynamics(seen, 0, ACT, [64, 64])
    return FlowDynamics(seen, 0, ACT, [64, 64], "heun", 2)


@pytest.mark.parametrize("spread", [1.0, 0.01])
def test_networks_see_components_of_mean_0_and_deviation_1(spread: float) -> None:
    z = latents(spread)
    view = space(z).view(z)
    torch.testing.assert_close(view.mean(0), torch.zeros(LATENT), atol=1e-3, rtol=0)
    torch.testing.assert_close(view.std(0), torch.ones(LATENT), atol=0.01, rtol=0)


def test_mean_and_deviation_follow_an_encoder_that_contracts() -> None:
    seen, z = space(latents(1.0)), latents(0.1)
    for _ in range(1000):
        seen.update(z.mean(0), z.std(0))
    torch.testing.assert_close(seen.view(z).std(0), torch.ones(LATENT), atol=0.01, rtol=0)


def test_a_component_that_never_varies_does_not_blow_up() -> None:
    z = torch.full((512, LATENT), 0.125)
    assert space(z).view(z + 1e-4).abs().max() < 1


@pytest.mark.parametrize("name", ["mlp", "flow"])
def test_at_first_nothing_moves(name: str) -> None:
    z = latents(0.1)
    torch.testing.assert_close(dynamics(name, space(z)).step(z, None, torch.randn(len(z), ACT)), z)


@pytest.mark.parametrize("name", ["mlp", "flow"])
@pytest.mark.parametrize("spread", [0.3, 0.01])
def test_a_known_change_is_learned_at_any_spread(name: str, spread: float) -> None:
    """And stays on the simplices: group sums are 1."""
    torch.manual_seed(0)
    base = latents(spread)
    model = dynamics(name, space(base))
    effect = spread * torch.randn(ACT, LATENT)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)

    def batch() -> tuple[Tensor, Tensor, Tensor]:
        z, a = base[torch.randint(len(base), (256,))], torch.rand(256, ACT) * 2 - 1
        return z, a, simnorm(z.log() + 0.3 * a @ effect)

    for _ in range(300):
        z, a, target = batch()
        optimizer.zero_grad()
        (model.errors(z, None, a, target).mean() / z.var()).backward()
        optimizer.step()
    z, a, target = batch()
    predicted = model.step(z, None, a)
    assert (predicted - target).square().mean() < 0.1 * (z - target).square().mean()
    torch.testing.assert_close(predicted.unflatten(-1, (-1, 8)).sum(-1), torch.ones(256, LATENT // 8))


def test_velocities_are_in_units_of_each_components_deviation_and_keep_group_sums() -> None:
    """However differently components vary; what already keeps the sums is only rescaled."""
    torch.manual_seed(0)
    seen = LatentSpace("standardized", LATENT)
    seen.update(torch.full((LATENT,), 0.125), 0.002 * 100 ** torch.rand(LATENT))
    velocity = seen.own_units(torch.randn(512, LATENT))
    assert velocity.unflatten(-1, (-1, 8)).sum(-1).abs().max() < 1e-5
    size = (velocity / seen.std).square().mean(0).sqrt()
    assert size.median() > 0.8
    torch.testing.assert_close(seen.own_units(velocity / seen.std), velocity)


def test_mean_and_deviation_are_part_of_the_state() -> None:
    seen, fresh = space(latents(0.1)), LatentSpace("standardized", LATENT)
    fresh.load_state_dict(seen.state_dict())
    z = latents(1.0)
    assert torch.equal(fresh.view(z), seen.view(z))


def test_other_latents_are_seen_as_they_are_and_keep_no_state() -> None:
    for kind in ("simnorm", "observation"):
        other, z = LatentSpace(kind, LATENT), latents(1.0)
        assert torch.equal(other.view(z), z)
        assert not other.state_dict()


def test_unknown_kind_lists_the_choices() -> None:
    with pytest.raises(UserError, match="latent 'pixels'.*observation, simnorm, standardized"):
        LatentSpace("pixels", LATENT)
