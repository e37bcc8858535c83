"""The world model's loss against the specification's formulas, written out, and where its gradient goes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from pwm.algorithms.agent import Agent, Tasks
from pwm.algorithms.world_model_loss import WorldModelLoss
from pwm.data import Batch, Slices, Transitions
from pwm.models import Actor, Critic, FlowDynamics, TerminationHead, WorldModel
from pwm.models import dynamics as dynamics_module
from pwm.nn.linear import linear
from pwm.nn.twohot import symlog, two_hot

OBS, ACT, LATENT, TASK_DIM, TASKS, HORIZON, SIZE, RHO = 6, 3, 16, 2, 2, 3, 5, 0.9
DYNAMICS_WEIGHT, REWARD_WEIGHT, TERMINATION_WEIGHT = 7.0, 3.0, 2.0
VARIANTS: dict[str, tuple[str | None, int | None]] = {"mlp": (None, None), "flow": ("heun", 2)}
TAU = 0.3


@pytest.fixture(autouse=True)
def one_tau(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every sample of a flow is at the same place of its path."""
    monkeypatch.setattr(torch, "rand_like", lambda like: torch.full_like(like, TAU))


def build(variant: str, termination: bool = True) -> Agent:
    torch.manual_seed(0)
    model = WorldModel(OBS, ACT, TASK_DIM, TASKS, [8], [8, 8], LATENT, variant, *VARIANTS[variant])
    for parameter in model.parameters():  # output layers that start at 0 would hide much
        torch.nn.init.normal_(parameter, std=0.3)
    width = LATENT + TASK_DIM
    head = TerminationHead(LATENT, TASK_DIM, [8]) if termination else None
    mask = torch.ones(TASKS, ACT)
    return Agent(model, Actor(width, ACT, [8]), Critic(width, [8]), head, mask, OBS, False, False)


def transitions(size: int = SIZE * HORIZON) -> Transitions:
    torch.manual_seed(1)
    return Transitions(
        observation=torch.randn(size, OBS),
        action=torch.rand(size, ACT) * 2 - 1,
        reward=torch.randn(size) * 3,
        terminated=torch.rand(size) < 0.3,
        next_observation=torch.randn(size, OBS),
        task=torch.arange(size) % TASKS,
    )


def slices() -> Slices:
    torch.manual_seed(2)
    return Slices(
        observation=torch.randn(HORIZON + 1, SIZE, OBS),
        action=torch.rand(HORIZON, SIZE, ACT) * 2 - 1,
        reward=torch.randn(HORIZON, SIZE) * 3,
        task=torch.arange(SIZE) % TASKS,
    )


def loss_of(agent: Agent, carried: float) -> WorldModelLoss:
    return WorldModelLoss(
        agent, HORIZON, carried, DYNAMICS_WEIGHT, REWARD_WEIGHT, TERMINATION_WEIGHT, rho=RHO
    )


def dynamics_error(agent: Agent, z: Tensor, tasks: Tasks, a: Tensor, target: Tensor) -> Tensor:
    """``[B]``: of the next latent, or of the velocity on the straight path to it."""
    dynamics, e = agent.world_model.dynamics, tasks.embedding
    if isinstance(dynamics, FlowDynamics):
        point = (1 - TAU) * z + TAU * target
        tau = torch.full_like(z[:, :1], TAU)
        return (dynamics.velocity(point, e, a, tau, z) - (target - z)).square().mean(-1)
    return (agent.world_model.next(z, a, e) - target).square().mean(-1)


def reward_error(agent: Agent, z: Tensor, tasks: Tasks, a: Tensor, reward: Tensor) -> Tensor:
    """``[B]``: the cross-entropy of the two-hot code, written out."""
    logits = agent.world_model.reward_logits(z, a, tasks.embedding)
    return -(two_hot(reward) * logits.log_softmax(-1)).sum(-1)


def termination_error(agent: Agent, drawn: Transitions) -> Tensor:
    """The binary cross-entropy, written out."""
    tasks = agent.look_up(drawn.task)
    logits = agent.termination_logits(agent.encode(drawn.next_observation, tasks), tasks)
    p = torch.sigmoid(logits)
    return -torch.where(drawn.terminated, p.log(), (1 - p).log()).mean()


def written_out(agent: Agent, batch: Batch, carried: float) -> tuple[Tensor, Tensor]:
    """The dynamics' and the reward's term: ``sum_t rho^t d_t / H`` and ``mean_t rho^t r_t / H``."""
    weights = [RHO**t for t in range(HORIZON)]
    drawn, mean_weight = batch.transitions, sum(weights) / HORIZON
    tasks = agent.look_up(drawn.task)
    z, target = agent.encode(drawn.observation, tasks), agent.encode(drawn.next_observation, tasks)
    dynamics = (1 - carried) * mean_weight * dynamics_error(agent, z, tasks, drawn.action, target).mean()
    reward = reward_error(agent, z, tasks, drawn.action, drawn.reward).mean()
    reward = (1 - carried) * mean_weight / HORIZON * reward
    if batch.slices is not None:
        part = batch.slices
        tasks = agent.look_up(part.task)
        z = agent.encode(part.observation[0], tasks)
        for t, weight in enumerate(weights):
            a, target = part.action[t], agent.encode(part.observation[t + 1], tasks)
            error = dynamics_error(agent, z, tasks, a, target).mean()
            dynamics = dynamics + carried * weight * error / HORIZON
            error = reward_error(agent, z, tasks, a, part.reward[t]).mean()
            reward = reward + carried * weight * error / HORIZON**2
            z = agent.world_model.next(z, a, tasks.embedding)
    return dynamics, reward


@pytest.mark.parametrize("carried", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_loss_is_the_formula(variant: str, carried: float) -> None:
    agent = build(variant)
    batch = Batch(transitions(), slices() if carried else None)
    loss, parts = loss_of(agent, carried)(batch)
    dynamics, reward = written_out(agent, batch, carried)
    termination = termination_error(agent, batch.transitions)
    torch.testing.assert_close(parts["dyn_loss"], dynamics.detach())
    torch.testing.assert_close(parts["rew_loss"], reward.detach())
    torch.testing.assert_close(parts["term_loss"], termination.detach())
    whole = DYNAMICS_WEIGHT * dynamics + REWARD_WEIGHT * reward + TERMINATION_WEIGHT * termination
    torch.testing.assert_close(loss, whole)
    assert parts["wm_loss"] == loss


@pytest.mark.parametrize("carried", [0.0, 1.0])
@pytest.mark.parametrize("variant", VARIANTS)
def test_targets_have_no_gradient(variant: str, carried: float) -> None:
    agent = build(variant, termination=False)
    drawn, part = transitions(), slices()
    last = part.observation.clone().requires_grad_(True)
    following = drawn.next_observation.clone().requires_grad_(True)
    batch = Batch(drawn._replace(next_observation=following), part._replace(observation=last))
    loss, _ = loss_of(agent, carried)(batch)
    loss.backward()
    assert following.grad is None
    if carried:  # only where the slice begins is the encoder in the graph
        assert last.grad is not None
        assert last.grad[0].abs().max() > 0 and last.grad[1:].abs().max() == 0


@pytest.mark.parametrize("variant", VARIANTS)
def test_carried_latents_carry_the_gradient_of_every_later_step(variant: str) -> None:
    """A loss of the last step alone teaches the encoder where the slice begins, through the model's steps."""
    agent = build(variant, termination=False)
    loss = loss_of(agent, 1.0)
    first = slices().observation.clone().requires_grad_(True)
    part = slices()._replace(observation=first)

    def weights(like: Tensor) -> Tensor:
        return torch.tensor([0.0] * (HORIZON - 1) + [1.0])

    loss._weights = weights  # type: ignore[method-assign]
    loss(Batch(transitions(), part))[0].backward()
    assert first.grad is not None and first.grad[0].abs().max() > 0


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_termination_term_trains_its_head_alone(variant: str) -> None:
    with_head, without = build(variant), build(variant, termination=False)
    without.load_state_dict(with_head.state_dict(), strict=False)
    batch = Batch(transitions(), None)
    for agent in (with_head, without):
        loss_of(agent, 0.0)(batch)[0].backward()
    assert with_head.termination is not None
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in last_layer(with_head.termination))
    others = dict(without.world_model.named_parameters())
    for name, parameter in with_head.world_model.named_parameters():
        own, other = parameter.grad, others[name].grad
        assert own is not None and other is not None and torch.equal(own, other), name


@pytest.mark.parametrize("carried", [0.0, 1.0])
@pytest.mark.parametrize("variant", VARIANTS)
def test_under_autocast_nothing_is_rounded_that_is_summed(
    variant: str, carried: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given the latents and logits, the loss in mixed precision is that of float32."""

    def in_full_precision(*operands: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return linear(*operands)

    monkeypatch.setattr(dynamics_module, "linear", in_full_precision)
    monkeypatch.setattr(dynamics_module, "cast_once", lambda x: x)
    agent = build(variant)
    batch = Batch(transitions(), slices())
    model = agent.world_model
    for network in (model, agent.termination):
        assert network is not None
        for module in network.modules():  # whatever multiplies matrices does so in full precision
            if isinstance(module, torch.nn.Linear):
                module.register_forward_pre_hook(lambda module, inputs: _enter(module))
                module.register_forward_hook(lambda module, inputs, output: _leave(module))
    expected, _ = loss_of(agent, carried)(batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, _ = loss_of(agent, carried)(batch)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


CONTEXTS: dict[int, torch.autocast] = {}


def _enter(module: torch.nn.Module) -> None:
    CONTEXTS[id(module)] = torch.autocast("cpu", enabled=False)
    CONTEXTS[id(module)].__enter__()


def _leave(module: torch.nn.Module) -> None:
    CONTEXTS.pop(id(module)).__exit__(None, None, None)


def last_layer(module: torch.nn.Module) -> Iterator[torch.nn.Parameter]:
    layers = [layer for layer in module.modules() if isinstance(layer, torch.nn.Linear)]
    return layers[-1].parameters()


def test_a_reward_is_coded_in_symlog_space() -> None:
    """What the formula above takes for granted."""
    code = two_hot(torch.tensor([3.0]))
    bins = torch.linspace(-10, 10, 101)
    torch.testing.assert_close(code @ bins, symlog(torch.tensor([3.0])))
