import pytest
import torch

from pwm.data import Replay
from pwm.errors import UserError
from tests.fakes import CountingEnv


def filled(env: CountingEnv, capacity: int, steps: int, horizon: int = 4) -> Replay:
    replay = Replay(capacity, env.num_envs, env.obs_dim, env.act_dim, horizon, env.task)
    observation = env.reset()
    for _ in range(steps):
        action = observation[:, 1:].clone()  # so that an action can be told by its observation
        step = env.step(action)
        replay.add(observation, action, step)
        observation = step.observation
    return replay


def test_a_slice_is_consecutive_and_stays_in_one_episode() -> None:
    replay = filled(CountingEnv([7, 9, 30]), capacity=300, steps=60)
    batch = replay.sample(500)
    assert batch.observation.shape == (5, 500, 3) and batch.action.shape == (4, 500, 2)
    episode, count, env = batch.observation.unbind(-1)
    assert (episode == episode[0]).all() and (env == env[0]).all()
    assert (count[1:] == count[:-1] + 1).all()
    assert (batch.action[..., 0] == count[:-1]).all()
    assert (batch.reward == count[1:]).all()


def test_the_last_observation_of_a_slice_is_the_final_one_not_the_reset_one() -> None:
    replay = filled(CountingEnv([6], terminates=True), capacity=100, steps=60)
    batch = replay.sample(300)
    ending = batch.observation[-1, :, 1] == 6
    assert ending.any() and (batch.terminated[-1] == ending).all()
    assert not batch.terminated[:-1].any()


def test_starts_are_uniform_over_transitions_not_over_episodes() -> None:
    torch.manual_seed(0)
    # Per 40 steps: 10 short episodes hold 10 x 1 starts, one long episode 37.
    replay = filled(CountingEnv([4, 40]), capacity=80, steps=40)
    _, start, env = replay.sample(20_000).observation[0].unbind(-1)
    assert env.mean() == pytest.approx(37 / 47, abs=0.02)
    start = start[env == 1]
    assert torch.bincount(start.long(), minlength=37).float().std() < 60


def test_after_the_ring_has_wrapped_no_stale_or_torn_slice_is_drawn() -> None:
    replay = filled(CountingEnv([11, 13]), capacity=2 * 20, steps=137)
    batch = replay.sample(2000)
    episode, count, env = batch.observation.unbind(-1)
    assert (count[1:] == count[:-1] + 1).all() and (episode == episode[0]).all()
    age = 137 - (episode * torch.tensor([11, 13])[env.long()] + count)[0]
    assert age.max() <= 20 and age.min() >= 4


def test_episodes_shorter_than_a_slice_are_kept_but_never_drawn() -> None:
    replay = filled(CountingEnv([2, 50]), capacity=200, steps=45)
    assert len(replay) == 90
    assert (replay.sample(500).observation[0, :, 2] == 1).all()


def test_without_a_slice_there_is_nothing_to_draw() -> None:
    assert filled(CountingEnv([2, 3]), capacity=200, steps=50).num_slices() == 0


def test_restoring_gives_the_same_samples() -> None:
    replay = filled(CountingEnv([7, 9]), capacity=60, steps=100)
    other = Replay(60, 2, 3, 2, 4, replay.task)
    other.load_state_dict(replay.state_dict())
    torch.manual_seed(3)
    expected = replay.sample(50)
    torch.manual_seed(3)
    for a, b in zip(expected, other.sample(50), strict=True):
        assert torch.equal(a, b)


def test_a_ring_too_small_for_a_slice_is_refused() -> None:
    with pytest.raises(UserError, match="replay_capacity=8.*at least 10"):
        Replay(8, 2, 3, 2, 4, torch.zeros(2, dtype=torch.int64))
