"""An epoch's kernel launches, which on a GPU are what most of its phases wait for."""

from __future__ import annotations

import pytest

from pwm.config.compose import compose
from pwm.learning.epochs import make_accelerator
from pwm.learning.trainer import Trainer
from tests.learning.launches import count

NARROW = "encoder_units=[32,32,32] units=[32,32] latent_dim=16 wm_batch_size=8 num_envs=8"
"""As deep as 48M: the number does not depend on widths and batches."""
BOUNDS = {
    "st_baseline": {"collect": 1250, "actor": 1050, "critic": 1450, "world_model": 1400, "other": 20},
    "st_flow_v2": {"collect": 1250, "actor": 2850, "critic": 1450, "world_model": 1400, "other": 20},
}


@pytest.mark.parametrize("alg", BOUNDS)
def test_an_epoch_launches_no_more_kernels_than_it_did(alg: str) -> None:
    config = compose([f"alg={alg}", *NARROW.split(), "env.options.episode_length=16", "device=cpu"])
    trainer = Trainer(config, make_accelerator(config))
    for _ in range(2):
        trainer.run_epoch()
    found = count(trainer, config)
    assert found.keys() == BOUNDS[alg].keys()
    assert {name: number for name, number in found.items() if number > BOUNDS[alg][name]} == {}, found
