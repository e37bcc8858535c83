"""The actor's loss on a world model whose returns are known in closed form."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pwm.algorithms.actor_loss import ActorLoss
from pwm.algorithms.agent import Agent
from pwm.algorithms.critic_loss import critic_data
from pwm.envs.base import Step
from pwm.models.dynamics import Transition
from pwm.models.latent_space import LatentSpace

GAMMA, HORIZON, VALUE = 0.9, 4, 10.0


class KnownModel(nn.Module):
    """Latent = observation; z' = z + a; reward = the latent's first component."""

    embedding = None
    space = LatentSpace("observation", 1)

    def task_embedding(self, task: Tensor) -> None:
        return None

    def encode(self, observation: Tensor, task: Tensor) -> Tensor:
        return observation

    def transition(self, e: None) -> Transition:
        return lambda z, a: z + a

    def reward(self, z: Tensor, a: Tensor, task: Tensor, scale: str) -> Tensor:
        return z[..., 0]


class KnownCritic(nn.Module):
    """Two critics; the smaller says VALUE."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([torch.full_like(x[..., 0], VALUE), torch.full_like(x[..., 0], VALUE + 5)])


class ConstantActor(nn.Module):
    """Always the same action."""

    def __init__(self) -> None:
        super().__init__()
        self.action = nn.Parameter(torch.tensor(0.0))

    def noise(self, *shape: int) -> Tensor:
        return torch.zeros(*shape, 1)

    def forward(self, x: Tensor, noise: Tensor | None) -> Tensor:
        return self.action.expand(*x.shape[:-1], 1)


class FixedTermination(nn.Module):
    """Every step ends the episode with the same probability."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.logit = torch.logit(torch.tensor(probability))

    def forward(self, z: Tensor, e: Tensor | None) -> Tensor:
        return self.logit.expand(z.shape[:-1])


def known(
    termination: nn.Module | None = None, tasks: int = 1, normalize_return: bool = False
) -> tuple[Agent, ActorLoss]:
    agent = Agent(
        KnownModel(),  # type: ignore[arg-type]
        ConstantActor(),  # type: ignore[arg-type]
        KnownCritic(),  # type: ignore[arg-type]
        termination,  # type: ignore[arg-type]
        action_mask=torch.ones(tasks, 1),
        obs_dim=1,
        normalize_observation=False,
        normalize_reward=False,
    )
    return agent, ActorLoss(agent, HORIZON, GAMMA, normalize_return, reward_scale="real")


START, TASK = torch.tensor([[1.0], [3.0]]), torch.zeros(2, dtype=torch.int64)
FULL = sum(GAMMA**t for t in range(HORIZON))


def test_the_final_bootstrap_is_gamma_to_the_horizon_of_the_smallest_critic() -> None:
    loss, _, rollout = known()[1](START, TASK)
    assert -loss.item() == pytest.approx(2 * FULL + GAMMA**HORIZON * VALUE, rel=1e-6)
    assert rollout.closed.tolist() == [[False, False]] * 3 + [[True, True]]


def test_the_gradient_reaches_the_action_through_every_later_state() -> None:
    _, module = known()
    module(START, TASK)[0].backward()
    # z_t = z_0 + t a, so d return / d a = sum t gamma^t.
    gradient = module.actor.get_parameter("action").grad
    assert gradient is not None
    assert -gradient.item() == pytest.approx(sum(t * GAMMA**t for t in range(HORIZON)))


def test_a_policy_that_answers_all_states_alike_shows_in_its_spread() -> None:
    _, module = known()
    _, parts, _ = module(START, TASK)
    assert parts["latent_spread"].item() == pytest.approx(1)  # of 1 and 3
    assert parts["action_spread"].item() == 0


def test_the_probability_of_going_on_discounts_rewards_and_value() -> None:
    agent, module = known(FixedTermination(0.25))
    loss, _, rollout = module(START, TASK)
    keep = GAMMA * 0.75
    assert -loss.item() == pytest.approx(2 * sum(keep**t for t in range(HORIZON)) + keep**HORIZON * VALUE)
    target = critic_data(agent, rollout, GAMMA, lam=1.0)[1].view(HORIZON, 2)
    assert target[0].mean().item() == pytest.approx(-loss.item())


def gradient_of_task(scale: float, tasks: int) -> list[float]:
    """The gradient of the loss to the returns of two trajectories: of task 0, and of one whose returns are
    ``scale`` times as large, in the last of ``tasks``."""
    _, module = known(tasks=tasks, normalize_return=True)
    task = torch.tensor([0, 0, tasks - 1, tasks - 1])
    for _ in range(5):  # as after some updates
        module._loss(torch.tensor([1.0, 3.0, scale, 3 * scale]), task)
    returns = torch.tensor([1.0, 3.0, scale, 3 * scale], requires_grad=True)
    module._loss(returns, task).backward()
    assert returns.grad is not None
    return [float(returns.grad[0]), float(returns.grad[2])]


def test_a_tasks_scale_of_returns_does_not_set_the_step_of_another() -> None:
    small, large = gradient_of_task(1000.0, tasks=2)
    assert small == pytest.approx(gradient_of_task(1.0, tasks=2)[0])
    assert small == pytest.approx(1000 * large, rel=1e-3)
    assert small == pytest.approx(-1 / 4)  # the deviation of 1 and 3 is 1


def test_with_one_task_the_loss_is_the_mean_return_by_the_deviation_of_all() -> None:
    torch.manual_seed(0)
    agent, module = known(normalize_return=True)
    returns = torch.randn(100) * 7 + 3
    loss = module._loss(returns, torch.zeros(100, dtype=torch.int64))
    assert loss == -returns.mean() / agent.return_stats.std.float().squeeze()  # to the last bit


def test_in_lockstep_the_simulator_steps_in_its_own_precision() -> None:
    seen = []

    def step_env(action: Tensor) -> Step:
        seen.append(torch.is_autocast_enabled("cpu"))
        ended = torch.zeros(2, dtype=torch.bool)
        return Step(torch.zeros(2, 1), torch.zeros(2), ended, ended, ended, torch.zeros(2, 1))

    with torch.autocast("cpu", dtype=torch.bfloat16):
        known()[1](START, TASK, step_env)
    assert seen == [False] * HORIZON


def lockstep(terminated: list[int], truncated: list[int], fresh: float = 7.0) -> tuple[Agent, Tensor, Tensor]:
    """A rollout in which environment 1 ends at the given steps and restarts at observation ``fresh``."""
    calls: list[Tensor] = []

    def step_env(action: Tensor) -> Step:
        t = len(calls)
        calls.append(action)
        ends, cut = (torch.tensor([False, t in steps]) for steps in (terminated, truncated))
        observation = torch.tensor([[0.0], [fresh]])
        return Step(observation, torch.zeros(2), ends, cut, torch.zeros_like(cut), observation)

    agent, module = known()
    loss, _, rollout = module(START, TASK, step_env)
    assert len(calls) == HORIZON
    return agent, -loss * 2, critic_data(agent, rollout, GAMMA, 1.0)[1].view(HORIZON, 2)


OPEN = 1.0 * FULL + GAMMA**HORIZON * VALUE  # environment 0, which never ends


def test_lockstep_without_an_end_is_the_plain_rollout() -> None:
    _, total, target = lockstep([], [])
    assert total.item() == pytest.approx(4 * FULL + 2 * GAMMA**HORIZON * VALUE)
    assert target[0].tolist() == pytest.approx([OPEN, OPEN + 2 * FULL])


def test_a_termination_closes_the_return_with_nothing_and_restarts() -> None:
    _, total, target = lockstep(terminated=[1], truncated=[])
    first = 3 * (1 + GAMMA)
    second = 7 * (1 + GAMMA) + GAMMA**2 * VALUE
    assert total.item() == pytest.approx(OPEN + first + second)
    assert target[:, 1].tolist() == pytest.approx([first, 3.0, second, 7 + GAMMA * VALUE])


def test_a_truncation_closes_the_return_with_the_critic() -> None:
    _, total, target = lockstep(terminated=[], truncated=[0])
    first = 3 + GAMMA * VALUE
    second = 7 * (1 + GAMMA + GAMMA**2) + GAMMA**3 * VALUE
    assert total.item() == pytest.approx(OPEN + first + second)
    assert target[0, 1].item() == pytest.approx(first)


def test_an_environment_that_ends_on_the_last_step_keeps_its_return() -> None:
    _, ended, _ = lockstep(terminated=[HORIZON - 1], truncated=[])
    assert ended.item() == pytest.approx(OPEN + 3 * FULL)
    _, cut, _ = lockstep(terminated=[], truncated=[HORIZON - 1])
    assert cut.item() == pytest.approx(OPEN + 3 * FULL + GAMMA**HORIZON * VALUE)


def test_building_the_graph_leaves_the_other_networks_trainable_and_without_gradient() -> None:
    agent, module = known()
    weight = nn.Parameter(torch.ones(()))
    agent.critic.register_parameter("weight", weight)
    module(START, TASK)[0].backward()
    assert weight.requires_grad and weight.grad is None
    assert list(dict(module.named_parameters())) == ["actor.action"]
