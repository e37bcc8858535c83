"""The two dynamics: what they keep, and that they can be fitted."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pwm.errors import UserError
from pwm.models.dynamics import Dynamics, FlowDynamics, MLPDynamics
from pwm.models.latent_space import LatentSpace
from pwm.nn.activations import simnorm

LATENT, ACT = 64, 4
VARIANTS = {"v1": ("heun", 2), "v2": ("heun", 4), "v3": ("euler", 8)}
HORIZON = 16


def simplices() -> LatentSpace:
    return LatentSpace("simnorm", LATENT)


def flow(variant: str = "v1", head: str = "group_centered", task_dim: int = 0) -> FlowDynamics:
    """With output weights as after some training; at first they are zero."""
    integrator, substeps = VARIANTS[variant]
    dynamics = FlowDynamics(simplices(), task_dim, ACT, [128, 128], integrator, substeps, head)
    torch.nn.init.normal_(dynamics.get_parameter("net.2.weight"), std=0.03)
    return dynamics


def group_sums(z: Tensor) -> Tensor:
    return z.unflatten(-1, (-1, 8)).sum(-1)


def imagined(dynamics: FlowDynamics) -> Tensor:
    torch.manual_seed(0)
    z = simnorm(torch.randn(32, LATENT))
    with torch.no_grad():
        for _ in range(HORIZON):
            z = dynamics.step(z, None, torch.rand(32, ACT) * 2 - 1)
    return z


@pytest.mark.parametrize("variant", VARIANTS)
def test_group_sums_stay_one(variant: str) -> None:
    z = imagined(flow(variant))
    assert (group_sums(z) - 1).abs().max() < 1e-5


@pytest.mark.parametrize("variant", VARIANTS)
def test_simnorm_head_leaves_the_simplex(variant: str) -> None:
    """Trap 2 of the specification: after H steps its group sums are H + 1."""
    z = imagined(flow(variant, head="simnorm"))
    torch.testing.assert_close(group_sums(z), torch.full((32, LATENT // 8), HORIZON + 1.0))


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_untrained_flow_stands_still(variant: str) -> None:
    z = simnorm(torch.randn(32, LATENT))
    dynamics = FlowDynamics(simplices(), 0, ACT, [128, 128], *VARIANTS[variant])
    assert torch.equal(dynamics.step(z, None, torch.randn(32, ACT)), z)


def test_velocity_can_be_negative() -> None:
    z, a = simnorm(torch.randn(32, LATENT)), torch.randn(32, ACT)
    velocity = flow().velocity(z, None, a, 0.3, z)
    assert velocity.min() < 0
    assert group_sums(velocity).abs().max() < 1e-5
    assert flow(head="simnorm").velocity(z, None, a, 0.3, z).min() >= 0


def test_velocity_depends_on_every_input() -> None:
    e = torch.randn(5, 3, requires_grad=True)
    z, a = torch.rand(5, LATENT, requires_grad=True), torch.rand(5, ACT, requires_grad=True)
    tau = torch.rand(5, 1, requires_grad=True)
    velocity = flow(task_dim=3).velocity(z, e, a, tau, z.detach())
    for gradient in torch.autograd.grad(velocity.square().sum(), (z, e, a, tau)):
        assert gradient.abs().sum(-1).min() > 0


def test_more_substeps_approach_one_solution() -> None:
    """All variants integrate the same field: with equal weights they agree ever more closely."""
    torch.manual_seed(0)
    z, a = simnorm(torch.randn(8, LATENT)), torch.randn(8, ACT)
    dynamics = flow()

    def step(integrator: str, substeps: int) -> Tensor:
        dynamics.integrator, dynamics.substeps = integrator, substeps
        return dynamics.step(z, None, a).detach()

    reference = step("heun", 64)
    errors = [(step(*VARIANTS[v]) - reference).norm().item() for v in ("v1", "v2")]
    assert errors[1] < errors[0] / 2
    assert (step("euler", 64) - reference).norm() < (step("euler", 8) - reference).norm() / 4


@pytest.mark.parametrize("name", ["mlp", "v1"])
def test_shapes_and_time_dimension(name: str) -> None:
    dynamics: Dynamics = MLPDynamics(simplices(), 0, ACT, [32]) if name == "mlp" else flow(name)
    z, a = simnorm(torch.randn(3, 5, LATENT)), torch.randn(3, 5, ACT)
    after = dynamics.step(z, None, a)
    assert after.shape == z.shape
    torch.testing.assert_close(after[1], dynamics.step(z[1], None, a[1]))
    assert dynamics.errors(z, None, a, after).shape == z.shape


def test_mlp_errors_are_of_the_prediction_it_is_given() -> None:
    dynamics = MLPDynamics(simplices(), 0, ACT, [32])
    z, target, a = simnorm(torch.randn(5, LATENT)), simnorm(torch.randn(5, LATENT)), torch.randn(5, ACT)
    after = dynamics.step(z, None, a)
    errors = dynamics.errors(z, None, a, target)
    torch.testing.assert_close(errors, (after - target).square())
    torch.testing.assert_close(dynamics.errors(z, None, a, target, predicted=after), errors)
    assert dynamics.errors(z, None, a, target, predicted=target).max() == 0


def test_errors_draw_tau_from_the_global_random_state() -> None:
    dynamics = flow()
    z, target, a = simnorm(torch.randn(5, LATENT)), simnorm(torch.randn(5, LATENT)), torch.randn(5, ACT)
    drawn = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        drawn.append(dynamics.errors(z, None, a, target))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_in_a_standardizing_space_only_starts_teach_the_encoder() -> None:
    """Elsewhere on the path the velocity sees the target."""
    dynamics = FlowDynamics(LatentSpace("standardized", LATENT), 0, ACT, [32], "heun", 2)
    torch.nn.init.normal_(dynamics.get_parameter("net.1.weight"), std=0.03)
    seen: list[torch.Tensor] = []
    dynamics.net.register_forward_pre_hook(lambda net, args: seen.append(args[0][0, :, -1]))
    z, target = simnorm(torch.randn(4000, LATENT)).requires_grad_(), simnorm(torch.randn(4000, LATENT))
    dynamics.errors(z, None, torch.zeros(4000, ACT), target).sum().backward()
    assert z.grad is not None
    taught = z.grad.abs().sum(-1) > 0
    assert torch.equal(taught, seen[0] == 0)
    assert 0.45 < taught.float().mean() < 0.55
    assert 0.45 < seen[0][~taught].mean() < 0.55


def swap() -> tuple[Tensor, Tensor]:
    """Latents, and where they go: two and two change places, so that their straight paths cross."""
    z = simnorm(3 * torch.randn(8, 2, LATENT))
    return z.flatten(0, 1), z.flip(1).flatten(0, 1)


@pytest.mark.parametrize(("latent", "fits"), [("simnorm", False), ("standardized", True)])
def test_in_a_standardizing_space_paths_may_cross(latent: str, fits: bool) -> None:
    """Where the velocity is given only the point it cannot tell whose path it is on."""
    torch.manual_seed(0)
    z, target = swap()
    dynamics = FlowDynamics(LatentSpace(latent, LATENT), 0, ACT, [128, 128], "heun", 4)
    a = torch.zeros(16, ACT)
    fit(dynamics, 500, z, target, a)
    with torch.no_grad():
        off = (dynamics.step(z, None, a) - target).square().mean() / (target - z).square().mean()
    assert (off < 0.01) if fits else (off > 0.1)


def fit_one_batch(dynamics: Dynamics, steps: int = 500) -> float:
    torch.manual_seed(0)
    z, target = simnorm(3 * torch.randn(16, LATENT)), simnorm(3 * torch.randn(16, LATENT))
    return fit(dynamics, steps, z, target, torch.rand(16, ACT) * 2 - 1)


def fit(dynamics: Dynamics, steps: int, z: Tensor, target: Tensor, a: Tensor) -> float:
    """Loss on one fixed batch after the fit over that before."""

    def measured() -> float:
        torch.manual_seed(7)
        with torch.no_grad():
            return float(torch.stack([dynamics.errors(z, None, a, target).mean() for _ in range(16)]).mean())

    before = measured()
    optimizer = torch.optim.Adam(dynamics.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        dynamics.errors(z, None, a, target).mean().backward()
        optimizer.step()
        schedule.step()
    return measured() / before


def test_mlp_fits_one_batch() -> None:
    torch.manual_seed(0)
    assert fit_one_batch(MLPDynamics(simplices(), 0, ACT, [128, 128])) < 0.01


def test_flow_fits_one_batch() -> None:
    """With tau drawn afresh at every update; judged on other draws."""
    torch.manual_seed(0)
    assert fit_one_batch(FlowDynamics(simplices(), 0, ACT, [128, 128], "heun", 2)) < 0.01


def test_simnorm_head_does_not_fit_one_batch() -> None:
    torch.manual_seed(0)
    assert fit_one_batch(FlowDynamics(simplices(), 0, ACT, [128, 128], "heun", 2, "simnorm"), steps=200) > 0.2


def test_unknown_names_list_the_choices() -> None:
    with pytest.raises(UserError, match="flow_head 'softmax'.*group_centered, linear, simnorm"):
        FlowDynamics(simplices(), 0, ACT, [32], "euler", 1, "softmax")
    with pytest.raises(UserError, match="flow_integrator 'rk4'.*euler, heun"):
        FlowDynamics(simplices(), 0, ACT, [32], "rk4", 1)
    with pytest.raises(UserError, match="at least 1, not 0"):
        FlowDynamics(simplices(), 0, ACT, [32], "euler", 0)


@pytest.mark.parametrize("latent", ["simnorm", "standardized", "observation"])
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("task_dim", [0, 5])
def test_a_transition_integrates_the_velocity(variant: str, latent: str, task_dim: int) -> None:
    """It computes less than the definition: the same, with the same gradients."""
    torch.manual_seed(0)
    space = LatentSpace(latent, LATENT)
    dynamics = FlowDynamics(space, task_dim, ACT, [48, 32, 40], *VARIANTS[variant]).double()
    for parameter in dynamics.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    if space.standardizes:
        space.update(torch.rand(LATENT).double(), 0.1 + torch.rand(LATENT).double())
    z = simnorm(torch.randn(3, 6, LATENT).double()).requires_grad_()
    a = torch.randn(3, 6, ACT).double().requires_grad_()
    e = torch.randn(6, task_dim).double().requires_grad_() if task_dim else None
    after, expected = dynamics.transition(e)(z, a), dynamics._integrated(z, e, a)
    assert (after - z).abs().mean() > 1e-3
    torch.testing.assert_close(after, expected)
    inputs = [x for x in (z, a, e, *dynamics.parameters()) if x is not None]
    weights = torch.randn_like(after)
    found, wanted = (torch.autograd.grad((out * weights).sum(), inputs) for out in (after, expected))
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)
