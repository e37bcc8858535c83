"""A short fit to the real Ant: does the world model come to know what it must?"""

from __future__ import annotations

import pytest
import torch

from pwm.config.compose import compose
from pwm.data import Transitions
from pwm.learning.epochs import make_accelerator
from pwm.learning.trainer import Trainer

pytestmark = pytest.mark.usefixtures("fresh_accelerator")
SETTING = (
    *("size=tiny", "num_envs=64", "horizon=4", "wm_batch_size=64", "wm_lr=3e-3", "replay_capacity=64000"),
    "actor_init_scale=1",
)


def explored(*overrides: str) -> tuple[Trainer, Transitions]:
    """A trainer that has met Ants under its initial, random policy, and later transitions held out."""
    config = compose([*SETTING, *overrides])
    trainer = Trainer(config, make_accelerator(config))
    other = Trainer(config, make_accelerator(config))
    for t, epochs in ((trainer, 40), (other, 10)):
        for _ in range(epochs):
            t.collect()
    return trainer, other.replay.transitions(4000)


@pytest.mark.parametrize("precision", ["no", "bf16"])
@pytest.mark.parametrize("alg", ["st_baseline", "st_flow_v1"])
def test_the_decoded_reward_follows_the_real_one_on_transitions_held_out(alg: str, precision: str) -> None:
    trainer, held_out = explored(f"alg={alg}", f"mixed_precision={precision}")
    for _ in range(150):
        trainer.learner.update_world_model(trainer.sample())
    with torch.no_grad():
        tasks = trainer.agent.look_up(held_out.task)
        latent = trainer.agent.encode(held_out.observation, tasks)
        reward = trainer.agent.world_model.reward(latent, held_out.action, tasks.embedding)
    both = torch.stack([reward, held_out.reward])
    assert torch.corrcoef(both)[0, 1] >= 0.95
