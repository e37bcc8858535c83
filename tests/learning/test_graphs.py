"""What is recorded as a CUDA graph computes what it computes without, here with a stand-in for the graph."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from pwm.config.compose import compose
from pwm.learning.epochs import make_accelerator
from pwm.learning.graphs import WARM_UP, Captured
from pwm.learning.trainer import Trainer
from tests.learning.recording import Recorder


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    return Recorder(monkeypatch)


def test_without_a_recorder_it_is_the_function_itself() -> None:
    assert Captured(lambda x: x + 1, None)(torch.ones(2)).tolist() == [2, 2]


def test_inputs_are_read_and_results_are_kept_at_every_call(recorder: Recorder) -> None:
    total = torch.zeros(2)

    def function(x: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        total.add_(x)
        return {"both": (total * 2, x - 1)}

    captured, results = Captured(function, recorder), []
    for call in range(WARM_UP + 4):
        results.append(captured(torch.full((2,), float(call))))
    assert (recorder.warmed_up, recorder.recorded, recorder.replayed) == (WARM_UP, 1, 4)
    sums = torch.arange(WARM_UP + 4.0).cumsum(0)
    assert [r["both"][0][0].item() for r in results] == (2 * sums).tolist()
    assert [r["both"][1][0].item() for r in results] == list(range(-1, WARM_UP + 3))


def test_chance_is_drawn_anew_at_every_call(recorder: Recorder) -> None:
    own = torch.Generator().manual_seed(0)
    captured = Captured(lambda: (torch.rand(3), torch.rand(3, generator=own)), recorder, (own,))
    drawn = torch.cat([torch.cat(captured()) for _ in range(WARM_UP + 5)])
    assert len(drawn.unique()) == len(drawn)


def test_inputs_of_another_shape_are_not_replayed(recorder: Recorder) -> None:
    captured = Captured(lambda x: x * 2, recorder)
    for _ in range(WARM_UP + 2):
        captured(torch.ones(3))
    assert captured(torch.ones(5)).tolist() == [2] * 5
    assert captured(torch.full((3,), 4.0)).tolist() == [8] * 3


def test_what_is_forgotten_is_recorded_anew(recorder: Recorder) -> None:
    weight = torch.ones(())
    captured = Captured(lambda x: x * weight, recorder)
    for _ in range(WARM_UP + 2):
        captured(torch.ones(1))
    weight = torch.full((), 5.0)
    assert captured(torch.ones(1)).item() == 1  # a graph knows the memory, not the name
    captured.forget()
    assert [captured(torch.ones(1)).item() for _ in range(WARM_UP + 2)] == [5] * (WARM_UP + 2)
    assert recorder.recorded == 2


def test_what_cannot_be_recorded_is_said_and_run_as_it_is(recorder: Recorder) -> None:
    captured = Captured(lambda x: x * x.sum().item(), recorder)
    for _ in range(WARM_UP):
        captured(torch.ones(2))
    with pytest.warns(UserWarning, match="no CUDA graph.*waits for the device"):
        assert captured(torch.ones(2)).tolist() == [2, 2]
    assert captured(torch.ones(3)).tolist() == [3, 3, 3]


EPOCHS = 9
SETTINGS = [
    "alg=st_baseline latent=standardized normalize_reward=true",
    "alg=st_flow_v2 wm_loss=mixture lr_schedule=linear",
    "alg=mt_flow_v1 tasks=[ant,cartpole]",
    "alg=mt_flow_v3 env=cartpole mixed_precision=bf16",
]


def trained(settings: str, recorder: Recorder | None) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The networks and the metrics after some epochs."""
    small = "size=tiny num_envs=8 wm_batch_size=8 horizon=4 wm_updates=2 wm_first_updates=3 critic_passes=2"
    small += " replay_capacity=400 max_epochs=20 device=cpu env.options.episode_length=6"
    config = compose([*settings.split(), *small.split()])
    trainer = Trainer(config, make_accelerator(config))
    for env in getattr(trainer.env, "envs", [trainer.env]):
        env._asks = False  # as on a GPU
    trainer.capture(recorder)
    for _ in range(EPOCHS):
        trainer.run_epoch()
    metrics = {key: value for key, value in trainer.read_metrics().items() if "seconds" not in key}
    state = trainer.agent.state_dict() | trainer.replay.state_dict()["ring"]
    return {key: value.clone() for key, value in state.items()}, metrics


@pytest.mark.usefixtures("fresh_accelerator")
@pytest.mark.parametrize("settings", SETTINGS)
def test_training_with_graphs_is_training(settings: str, recorder: Recorder) -> None:
    """Bit for bit: nothing that an epoch depends on is a Python number or changes its place in memory, and
    nothing waits for the device."""
    state, metrics = trained(settings, None)
    found, found_metrics = trained(settings, recorder)
    assert recorder.recorded == 4 and recorder.replayed > 2 * EPOCHS
    assert found_metrics == pytest.approx(metrics, nan_ok=True, rel=1e-12)
    assert found.keys() == state.keys()
    for key, value in state.items():
        assert torch.equal(found[key], value), key
