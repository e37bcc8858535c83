"""What needs a GPU; `make gpu` runs it where there is one."""

from __future__ import annotations

import math
import subprocess
from pathlib import Path

import pytest
import torch

from pwm.config.compose import compose
from pwm.interpreter import PYTHON
from pwm.learning.epochs import make_accelerator
from pwm.learning.trainer import Trainer
from pwm.run.checkpoint import Checkpoints
from pwm.run.metrics import read_metrics
from pwm.suite import experiments
from tests.envs.test_parity import load, transitions
from tests.simulators import make

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.usefixtures("fresh_accelerator"),
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here"),
]
SMALL = (
    *("size=tiny", "num_envs=16", "wm_batch_size=16", "wm_updates=2", "wm_first_updates=4", "horizon=4"),
    *("critic_passes=1", "replay_capacity=4000", "env.options.episode_length=8", "eval_episodes=2"),
    "log_every=1",
)


def test_the_ant_on_a_gpu_is_the_recorded_one() -> None:
    one = transitions(load("ant"))
    env = make("ant", num_envs=len(one["action"]), device="cuda", auto_reset=False)
    env.set_state(one["joint_q"].cuda(), one["joint_qd"].cuda())
    step = env.step(one["action"].cuda())
    near = ((step.observation.cpu() - one["next_obs"]).abs() <= 1e-4).all(dim=1)
    assert near.float().mean() >= 0.95
    assert ((step.reward.cpu() - one["reward"]).abs() <= 1e-4).float().mean() >= 0.95
    assert torch.equal(step.terminated.cpu(), one["terminated"])


@pytest.mark.parametrize("precision", ["no", "bf16"])
@pytest.mark.parametrize("name", experiments.names())
def test_an_epoch_of_every_experiment_at_full_size(name: str, precision: str) -> None:
    if precision == "bf16" and not name.endswith("flow_v2"):
        pytest.skip("one of each setting will do")
    config = compose([f"alg={name}", "wm_first_updates=8", f"mixed_precision={precision}"])
    trainer = Trainer(config, make_accelerator(config))
    while trainer.trained_epochs == 0:
        trainer.run_epoch()
    metrics = trainer.read_metrics()
    assert all(math.isfinite(value) for key, value in metrics.items() if key.endswith("loss"))


def test_a_recorded_epoch_is_an_eager_one() -> None:
    """Up to rounding, which grows, and other random numbers: so the losses are compared, roughly."""
    losses = {}
    for graphs in ("off", "auto"):
        config = compose(["alg=st_flow_v2", *SMALL, f"cuda_graphs={graphs}", "seed=3", "device=cuda"])
        trainer = Trainer(config, make_accelerator(config))
        while trainer.trained_epochs < 6:
            trainer.run_epoch()
        losses[graphs] = trainer.read_metrics()
        recorded = graphs == "auto"
        assert trainer.update_actor.recorded is trainer.update_critic.recorded is recorded
        assert trainer.update_world_model.recorded is recorded
    for key in ("wm_loss", "v_loss", "imagined_reward"):
        assert losses["auto"][key] == pytest.approx(losses["off"][key], rel=0.3, abs=0.3)


@pytest.mark.parametrize(("first", "second"), [("cuda", "cpu"), ("cpu", "cuda"), ("cuda", "cuda")])
def test_a_run_goes_on_on_another_kind_of_device(tmp_path: Path, first: str, second: str) -> None:
    command = [*PYTHON, "-m", "pwm", "train", "alg=mt_flow_v1", *SMALL, f"run={tmp_path / 'run'}"]
    said = ""
    for device, epochs in ((first, 5), (second, 8)):  # each of a process of its own, as accelerate needs it
        done = subprocess.run(
            [*command, f"max_epochs={epochs}", f"device={device}"], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        said += done.stdout
    assert ("its random numbers begin anew" in said) == (first != second)
    rows = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert [row["epoch"] for row in rows] == list(range(1, 9))
    assert Checkpoints(tmp_path / "run" / "checkpoints").epochs()[-1] == 8
