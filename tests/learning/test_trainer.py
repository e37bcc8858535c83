"""The trainer on real environments, small."""

from __future__ import annotations

import copy
import dataclasses
import math
from functools import partial

import pytest
import torch

from pwm.config.compose import compose
from pwm.config.types import TrainConfig
from pwm.envs.base import Step
from pwm.envs.scores import SCALES
from pwm.learning.epochs import make_accelerator
from pwm.learning.meters import NotFinite
from pwm.learning.trainer import Trainer

TINY = (
    *("size=tiny", "num_envs=8", "wm_batch_size=16", "wm_updates=2", "wm_first_updates=4"),
    *("critic_passes=1", "horizon=4", "replay_capacity=4000", "env.options.episode_length=6"),
)


def small(*overrides: str) -> TrainConfig:
    return compose([*TINY, *overrides])


def trainer(*overrides: str) -> Trainer:
    config = small(*overrides)
    return Trainer(config, make_accelerator(config))


def weights(trained: Trainer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in trained.agent.named_parameters()}


def changed(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}


def test_nothing_is_learned_before_an_episode_has_finished_and_those_epochs_count() -> None:
    t = trainer("alg=st_baseline")
    start = weights(t)
    t.run_epoch()
    t.run_epoch()  # at its start, four of an episode's six steps were done
    assert (t.epoch, t.trained_epochs) == (2, 0)
    assert not changed(start, weights(t)) and t.env_steps == 64
    t.run_epoch()
    assert (t.epoch, t.trained_epochs) == (3, 1)
    assert changed(start, weights(t)) >= {"world_model"}


@pytest.mark.parametrize("collection", ["closed_loop", "lockstep"])
@pytest.mark.parametrize("alg", ["st_baseline", "mt_flow_v1"])
def test_every_network_learns(alg: str, collection: str) -> None:
    head = "termination_head=false" if collection == "lockstep" else "termination_head=true"
    t = trainer(f"alg={alg}", f"collection={collection}", head)
    start = weights(t)
    for _ in range(5):
        t.run_epoch()
    expected = {"world_model", "actor", "critic"} | (
        {"termination"} if collection == "closed_loop" else set()
    )
    assert changed(start, weights(t)) == expected
    metrics = t.read_metrics()
    assert metrics["epoch"] == 5 and metrics["env_steps"] == 5 * 32
    assert metrics["episode_length"] <= 6


def test_the_task_embedding_is_trained() -> None:
    t = trainer("alg=mt_baseline")
    assert t.agent.world_model.embedding is not None
    before = t.agent.world_model.embedding.weight.detach().clone()
    for _ in range(3):
        t.run_epoch()
    after = t.agent.world_model.embedding.weight.detach()
    # More than the renormalisation to norm 1 could do.
    assert torch.cosine_similarity(before, after).item() < 1 - 1e-6


@pytest.mark.parametrize("wm_loss", ["carried", "one_step", "mixture"])
def test_every_world_model_loss_trains_both_dynamics(wm_loss: str) -> None:
    for alg in ("st_baseline", "st_flow_v3"):
        t = trainer(f"alg={alg}", f"wm_loss={wm_loss}")
        for _ in range(3):
            t.run_epoch()
        assert t.read_metrics()["wm_loss"] > 0


@pytest.mark.parametrize("alg", ["st_baseline", "mt_flow_v2"])
def test_a_world_model_of_the_observation_itself(alg: str) -> None:
    t = trainer(f"alg={alg}", "latent=observation")
    for _ in range(3):
        t.run_epoch()
    assert t.read_metrics()["wm_loss"] > 0
    observation = t.observation.clone()
    observation[0] = 1e6
    z = t.agent.encode(observation, t.agent.look_up(t.env.task))
    assert z.shape == observation.shape and z.abs().max() == 10


@pytest.mark.parametrize("alg", ["st_baseline", "mt_flow_v2"])
def test_standardized_latents_stay_standardized_along_training(alg: str) -> None:
    t = trainer(f"alg={alg}", "latent=standardized")
    for _ in range(6):
        t.run_epoch()
    assert t.read_metrics()["wm_loss"] > 0
    seen = t.replay.slices(64)
    z = t.agent.world_model.space.view(t.agent.encode(seen.observation, t.agent.look_up(seen.task)))
    assert 0.5 < z.std((0, 1)).mean() < 2
    assert z.mean().abs() < 0.5


def test_learning_rates_fall_linearly_to_the_final_one() -> None:
    t = trainer("alg=st_baseline", "max_epochs=10", "wm_lr=1e-3", "actor_lr=1e-2", "final_lr=1e-5")
    t.learner.set_epoch(5)
    rates = {name: o.param_groups[0]["lr"] for name, o in t.learner.optimizers.items()}
    assert rates["world_model"] == pytest.approx((1e-3 + 1e-5) / 2)
    assert rates["actor"] == pytest.approx((1e-2 + 1e-5) / 2)
    t.learner.set_epoch(10)
    assert all(o.param_groups[0]["lr"] == pytest.approx(1e-5) for o in t.learner.optimizers.values())


def test_several_tasks_are_padded_masked_and_reported_apart() -> None:
    t = trainer("alg=mt_flow_v1", "tasks=[ant,cartpole]", "num_envs=8")
    assert (t.env.obs_dim, t.env.act_dim) == (37, 8)
    assert t.env.task.tolist() == [0] * 4 + [1] * 4
    for _ in range(3):
        t.run_epoch()
    batch = t.replay.slices(200)
    cart = batch.task == 1
    assert cart.any() and not cart.all()
    assert (batch.action[:, cart, 1:] == 0).all() and (batch.action[:, cart, 0] != 0).any()
    assert (batch.observation[:, cart, 5:] == 0).all()
    metrics = t.read_metrics()
    assert {"R_ant", "R_cartpole", "episode_length_ant", "forward_velocity_ant"} <= set(metrics)
    assert "forward_velocity_cartpole" not in metrics
    assert metrics["forward_velocity_ant"] == pytest.approx(metrics["forward_velocity"])


@pytest.mark.parametrize("name", ["mt_locomotion", "mt_pendulums"])
def test_a_set_of_tasks_trains_as_one_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    t = trainer("alg=mt_baseline", f"env={name}", "num_envs=8")
    assert len(t.env.tasks) == len(t.env.task.unique()) > 1
    for _ in range(3):
        t.run_epoch()
    random = [[SCALES[task][0], 10.0, 1.0, 0.0] for task in t.env.tasks]
    best = [[SCALES[task][1], 30.0, 1.0, 0.0] for task in t.env.tasks]
    for rows, expected in ((random, 0.0), (best, 1.0), ([*random[:-1], best[-1]], 1 / len(random))):
        monkeypatch.setattr(t.episodes, "sums", partial(torch.tensor, rows, dtype=torch.float64))
        returns = t.returns()
        assert returns["R"] == pytest.approx(expected, abs=1e-6)
        assert returns[f"R_{t.env.tasks[-1]}"] == rows[-1][0]


@pytest.mark.parametrize("seed", [0, 1])
def test_a_seed_fixes_a_run(seed: int) -> None:
    results = []
    for _ in range(2):
        t = trainer("alg=st_flow_v2", f"seed={seed}")
        for _ in range(3):
            t.run_epoch()
        results.append(weights(t))
    assert all(torch.equal(results[0][name], results[1][name]) for name in results[0])


def test_seeds_differ() -> None:
    first, second = trainer("alg=st_baseline"), trainer("alg=st_baseline", "seed=1")
    assert not torch.equal(first.observation, second.observation)
    assert changed(weights(first), weights(second)) >= {"world_model", "actor"}


@pytest.mark.parametrize("log_every", [1, 3])
def test_a_restored_trainer_continues_bit_for_bit(log_every: int) -> None:
    """Also when the state is taken between two readings of the metrics."""
    one = trainer("alg=mt_flow_v1", "wm_loss=mixture")
    for _ in range(4):
        one.run_epoch()
        if one.epoch % log_every == 0:
            one.read_metrics()
    state = copy.deepcopy(one.state_dict())
    expected = continued(one)
    two = trainer("alg=mt_flow_v1", "wm_loss=mixture")
    two.load_state_dict(state)
    assert continued(two) == expected
    a, b = weights(one), weights(two)
    assert all(torch.equal(a[name], b[name]) for name in a)


def continued(t: Trainer) -> dict[str, object]:
    """Two epochs more; the metrics but for the times."""
    t.run_epoch()
    t.run_epoch()
    return {key: value for key, value in t.read_metrics().items() if not key.startswith("seconds")}


def diverge(t: Trainer, monkeypatch: pytest.MonkeyPatch, rows: slice) -> None:
    """From now on the simulation of the environments ``rows`` diverges at every step."""
    step = t.env.step

    def diverging(action: torch.Tensor) -> Step:
        done = step(action)
        final, lost = done.final_observation.clone(), done.diverged.clone()
        final[rows], lost[rows] = float("nan"), True
        return done._replace(
            final_observation=final,
            diverged=lost,
            truncated=done.truncated | lost,
            terminated=done.terminated & ~lost,
        )

    monkeypatch.setattr(t.env, "step", diverging)


@pytest.mark.parametrize("collection", ["closed_loop", "lockstep"])
def test_an_environment_that_diverges_is_left_out_and_counted(
    collection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    t = trainer("alg=st_flow_v1", f"collection={collection}", "wm_loss=mixture", "normalize_reward=true")
    for _ in range(3):
        t.run_epoch()
    assert t.read_metrics()["diverged"] == 0
    diverge(t, monkeypatch, slice(2, 4))
    for _ in range(4):
        t.run_epoch()
    t.state_dict()  # would refuse what is not finite
    metrics = t.read_metrics()
    assert metrics["diverged"] == 2 * 4 * t.config.horizon
    assert all(math.isfinite(value) for key, value in metrics.items() if "loss" in key or key == "R")
    assert all(value.isfinite().all() for value in t.agent.state_dict().values())
    batch = t.replay.sample(500, slices=True)
    assert batch.slices is not None and batch.slices.observation.isfinite().all()
    assert all(value.isfinite().all() for value in batch.transitions)


def test_the_run_ends_when_most_environments_diverge(monkeypatch: pytest.MonkeyPatch) -> None:
    t = trainer("alg=st_baseline")
    t.run_epoch()
    diverge(t, monkeypatch, slice(0, 5))  # of 8
    t.run_epoch()
    with pytest.raises(NotFinite, match="most environments diverged in epoch 2") as caught:
        t.read_metrics()
    assert "env.options" in caught.value.advice


@pytest.mark.parametrize(("network", "rate"), [("world_model", "wm_lr"), ("actor", "actor_lr")])
def test_a_number_that_is_not_finite_names_itself_the_epoch_and_a_remedy(network: str, rate: str) -> None:
    t = trainer("alg=st_baseline")
    for _ in range(3):
        t.run_epoch()
    t.state_dict()
    next(t.agent.get_submodule(network).parameters()).data.fill_(float("nan"))
    t.run_epoch()
    t.run_epoch()
    with pytest.raises(NotFinite, match="not finite in epoch 4: ") as caught:
        t.state_dict()
    assert rate in caught.value.advice


def test_a_checkpoint_of_other_processes_is_refused() -> None:
    t = trainer("alg=st_baseline")
    state = t.state_dict()
    state["process"] = state["process"] * 2
    with pytest.raises(Exception, match="of 2 processes, this run has 1; use num_processes=2"):
        t.load_state_dict(state)


def test_evaluation_does_not_disturb_training() -> None:
    from pwm.evaluation.closed_loop import Evaluator
    from pwm.learning.build import build_env

    results = []
    for evaluate in (False, True):
        t = trainer("alg=st_flow_v2")
        evaluator = Evaluator(build_env(dataclasses.replace(t.config), 4, t.device, seed=99))
        for _ in range(3):
            t.run_epoch()
            if evaluate:
                evaluator(t.agent)
        results.append(weights(t))
    assert all(torch.equal(results[0][name], results[1][name]) for name in results[0])
