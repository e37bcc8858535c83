"""Run by test_distributed: one update of the world model, each process having a task that the other lacks.

python embeddings.py <file for the embeddings of each process>
"""

from __future__ import annotations

import sys

import torch

from pwm.config.compose import compose
from pwm.data import Batch, Transitions
from pwm.learning.epochs import make_accelerator
from pwm.learning.trainer import Trainer

ROWS = 32


def main(path: str) -> None:
    config = compose(
        [
            *("alg=mt_baseline", "tasks=[ant,cartpole]", "size=tiny", "num_envs=8", "wm_batch_size=16"),
            *("horizon=4", "replay_capacity=1000", "num_processes=2"),
        ]
    )
    accelerator = make_accelerator(config)
    trainer = Trainer(config, accelerator)
    embedding = trainer.agent.world_model.embedding
    assert embedding is not None
    with torch.no_grad():
        embedding.weight.mul_(100.0)  # far above the norm that an embedding may have
    torch.manual_seed(0)
    size = trainer.env.obs_dim
    batch = Transitions(
        observation=torch.randn(ROWS, size),
        action=torch.rand(ROWS, trainer.env.act_dim),
        reward=torch.randn(ROWS),
        terminated=torch.zeros(ROWS, dtype=torch.bool),
        next_observation=torch.randn(ROWS, size),
        task=torch.full((ROWS,), accelerator.process_index),
    )
    trainer.learner.update_world_model(Batch(batch, None))
    weights = accelerator.gather(embedding.weight.detach()[None])
    if accelerator.is_main_process:
        torch.save(weights, path)
    trainer.processes.settle()


if __name__ == "__main__":
    main(sys.argv[1])
