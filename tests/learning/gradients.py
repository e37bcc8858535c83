"""Run by test_distributed: the gradients of the three losses on this process's share of one batch.

python gradients.py <file for the gradients>
"""

from __future__ import annotations

import sys

import torch

from pwm.config.compose import compose
from pwm.data import Batch, Slices, Transitions
from pwm.learning.epochs import make_accelerator
from pwm.learning.trainer import Trainer
from pwm.models import Actor

SIZE, HORIZON = 32, 4


def main(path: str) -> None:
    config = compose(
        [
            *(
                "alg=mt_flow_v1",
                "tasks=[ant,cartpole]",
                "size=tiny",
                "wm_loss=mixture",
                "latent=standardized",
            ),
            *("num_envs=16", "wm_batch_size=32", "horizon=4", "replay_capacity=1000"),
        ]
    )
    accelerator = make_accelerator(config)
    trainer = Trainer(config, accelerator)
    # The same noise for every row, so that a row's share does not depend on who draws it.
    setattr(Actor, "noise", lambda self, *shape: self.log_std * torch.zeros(*shape, 1))  # noqa: B010
    setattr(torch, "rand_like", lambda like: torch.full_like(like, 0.3))  # noqa: B010
    generator = torch.Generator().manual_seed(5)
    obs_dim, act_dim = trainer.env.obs_dim, trainer.env.act_dim

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    rows, share = SIZE * HORIZON, SIZE // accelerator.num_processes
    part = slice(accelerator.process_index * share, (accelerator.process_index + 1) * share)
    longer = slice(part.start * HORIZON, part.stop * HORIZON)
    task = torch.randint(2, (SIZE,), generator=generator)
    transitions = Transitions(
        observation=drawn(rows, obs_dim)[longer],
        action=drawn(rows, act_dim).tanh()[longer],
        reward=drawn(rows)[longer],
        terminated=(drawn(rows) > 1)[longer],
        next_observation=drawn(rows, obs_dim)[longer],
        task=task.repeat_interleave(HORIZON)[longer],
    )
    slices = Slices(
        observation=drawn(HORIZON + 1, SIZE, obs_dim)[:, part],
        action=drawn(HORIZON, SIZE, act_dim).tanh()[:, part],
        reward=drawn(HORIZON, SIZE)[:, part],
        task=task[part],
    )
    learner, agent = trainer.learner, trainer.agent
    agent.observe(slices.observation[0], slices.reward[0], slices.task)
    learner.config.wm_grad_norm = learner.config.actor_grad_norm = 1e9
    learner.config.critic_grad_norm = 1e9
    learner.config.critic_passes = learner.config.critic_batches = 1
    *_, last = agent.world_model.reward_head.parameters()
    torch.nn.init.normal_(last, generator=generator)  # else it would be 0 and so would its gradient
    # Latents so close together that the gradient of their variance counts.
    *_, scale = (p for n, p in agent.named_parameters() if ".encoder." in n and n.endswith("ln.weight"))
    torch.nn.init.constant_(scale, 0.1)
    learner.update_world_model(Batch(transitions, slices))
    _, rollout = learner.update_actor(slices.observation[0], slices.task)
    learner.update_critic(rollout)
    if accelerator.is_main_process:
        torch.save({name: p.grad for name, p in agent.named_parameters()}, path)
    trainer.processes.settle()


if __name__ == "__main__":
    main(sys.argv[1])
