"""Several tasks in one world model: the embedding is what tells them apart."""

from __future__ import annotations

import pytest
import torch

from pwm.config.compose import compose
from pwm.data import Batch, Transitions
from pwm.learning.epochs import make_accelerator
from pwm.learning.trainer import Trainer

pytestmark = pytest.mark.usefixtures("fresh_accelerator")
ROWS = 256


def opposite(trainer: Trainer) -> Transitions:
    """Two tasks alike in all but the reward, which is the first observed number or its negative."""
    observation = torch.randn(ROWS, trainer.env.obs_dim)
    task = torch.arange(ROWS) % 2
    return Transitions(
        observation=observation,
        action=torch.zeros(ROWS, trainer.env.act_dim),
        reward=torch.where(task == 0, observation[:, 0], -observation[:, 0]),
        terminated=torch.zeros(ROWS, dtype=torch.bool),
        next_observation=observation,
        task=task,
    )


@pytest.mark.parametrize("alg", ["mt_baseline", "mt_flow_v1"])
def test_opposite_rewards_of_the_same_observation_are_told_apart_by_the_embedding(alg: str) -> None:
    config = compose(
        [
            *(f"alg={alg}", "env=mt_pendulums", "size=tiny", "num_envs=8", "wm_batch_size=64", "horizon=4"),
            *("replay_capacity=1000", "wm_lr=3e-3", "normalize_observation=false"),
        ]
    )
    trainer = Trainer(config, make_accelerator(config))
    torch.manual_seed(0)
    for _ in range(300):
        trainer.learner.update_world_model(Batch(opposite(trainer), None))
    held_out, agent = opposite(trainer), trainer.agent

    def error() -> float:
        with torch.no_grad():
            tasks = agent.look_up(held_out.task)
            latent = agent.encode(held_out.observation, tasks)
            reward = agent.world_model.reward(latent, held_out.action, tasks.embedding)
        return float((reward - held_out.reward).square().mean())

    told_apart = error()
    assert told_apart < 0.25 * float(held_out.reward.square().mean())
    embedding = agent.world_model.embedding
    assert embedding is not None
    with torch.no_grad():
        embedding.weight.zero_()
    assert error() > 3.0 * told_apart


def test_imagination_starts_from_each_task_alike_however_many_environments_each_has() -> None:
    config = compose(
        [
            *("alg=mt_baseline", "env=mt_pendulums", "size=tiny", "num_envs=16", "env_shares=[7,1]"),
            *("horizon=4", "imagination_batch=4000", "replay_capacity=1000"),
        ]
    )
    trainer = Trainer(config, make_accelerator(config))
    trainer.collect()
    observation, task = trainer.start_states()
    assert task.float().mean() == pytest.approx(0.5, abs=0.05)
    assert (observation[task == 0, 5:] == 0).all()  # padding of the smaller one
    assert (observation[task == 1, 5:] != 0).any()
