"""``compile=true`` fuses the world model's loss and changes its values by no more than rounding.

A flow's draws other points of its path: compiled code has random numbers of its own.
"""

from __future__ import annotations

import shutil

import pytest
import torch

from pwm.config.compose import compose
from pwm.learning.epochs import make_accelerator
from pwm.learning.trainer import Trainer


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated")
@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no C++ compiler here")
def test_a_compiled_loss_teaches_the_same() -> None:
    seen = []
    for compiled in (False, True):
        config = compose(
            ["alg=mt_baseline", "scale=demo", "env=cartpole", f"compile={str(compiled).lower()}"]
        )
        trainer = Trainer(config, make_accelerator(config))
        while not trainer.can_learn():
            trainer.collect()
        trainer.replay.prepare(trainer.learner.needs_slices)
        seen.append([trainer.update_world_model() for _ in range(3)])
    torch.testing.assert_close(seen[1], seen[0], rtol=1e-4, atol=1e-5)
