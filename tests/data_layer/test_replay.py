import pytest
import torch

from pwm.data import Replay, experience
from pwm.errors import UserError
from tests.fakes import CountingEnv


def filled(env: CountingEnv, capacity: int, steps: int, horizon: int = 4, together: int = 1) -> Replay:
    """``steps`` steps, added one by one or several ``together``."""
    replay = Replay(capacity, env.num_envs, env.obs_dim, env.act_dim, horizon, env.task)
    observation, taken = env.reset(), []
    for index in range(steps):
        action = observation[:, 1:].clone()  # so that an action can be told by its observation
        step = env.step(action)
        taken.append((observation, action, step))
        observation = step.observation
        if len(taken) == together or index == steps - 1:
            replay.add(experience(taken))
            taken.clear()
    return replay


@pytest.mark.parametrize("steps", [5, 23, 60, 137])
@pytest.mark.parametrize("together", [2, 3, 4, 16, 19, 20])
def test_steps_are_stored_alike_one_by_one_and_several_together(steps: int, together: int) -> None:
    one_by_one = filled(CountingEnv([1, 3, 5, 11, 40]), 5 * 20, steps).state_dict()
    at_once = filled(CountingEnv([1, 3, 5, 11, 40]), 5 * 20, steps, together=together).state_dict()
    assert at_once["written"] == one_by_one["written"] and torch.equal(at_once["age"], one_by_one["age"])
    for key, ring in one_by_one["ring"].items():
        assert torch.equal(at_once["ring"][key], ring), key


def test_a_slice_is_consecutive_and_stays_in_one_episode() -> None:
    replay = filled(CountingEnv([7, 9, 30]), capacity=300, steps=60)
    batch = replay.slices(500)
    assert batch.observation.shape == (5, 500, 3) and batch.action.shape == (4, 500, 2)
    episode, count, env = batch.observation.unbind(-1)
    assert (episode == episode[0]).all() and (env == env[0]).all()
    assert (count[1:] == count[:-1] + 1).all()
    assert (batch.action[..., 0] == count[:-1]).all()
    assert (batch.reward == count[1:]).all()


def test_the_last_observation_of_a_slice_is_the_final_one_not_the_reset_one() -> None:
    replay = filled(CountingEnv([6], terminates=True), capacity=100, steps=60)
    last = replay.slices(300).observation[-1, :, 1]
    assert (last == 6).any() and last.min() == 4


def test_slices_are_uniform_over_their_starts() -> None:
    torch.manual_seed(0)
    # Per 40 steps: 10 short episodes hold 10 x 1 starts, one long episode 37.
    replay = filled(CountingEnv([4, 40]), capacity=80, steps=40)
    _, start, env = replay.slices(20_000).observation[0].unbind(-1)
    assert env.mean() == pytest.approx(37 / 47, abs=0.02)
    start = start[env == 1]
    assert torch.bincount(start.long(), minlength=37).float().std() < 60


@pytest.mark.parametrize("lengths", [[40], [12], [3, 5], [1]])
def test_every_stored_transition_is_drawn_equally_often(lengths: list[int]) -> None:
    """Those that end an episode, too, and those of an episode shorter than a slice."""
    torch.manual_seed(0)
    replay = filled(CountingEnv(lengths, terminates=True), capacity=40 * len(lengths), steps=130)
    draws = 400 * 40 * len(lengths)
    drawn = replay.transitions(draws)
    episode, count, env = drawn.observation.unbind(-1)
    age = episode * torch.tensor(lengths)[env.long()] + count  # steps since the environment's first
    times = torch.bincount((env * 130 + age).long())
    times = times[times > 0].float()
    assert len(times) == 40 * len(lengths)  # the newest
    assert times.mean() == 400 and times.std() < 3 * 20  # 20: of independent draws
    assert (drawn.next_observation[:, 1] == count + 1).all()
    assert (drawn.reward == count + 1).all() and (drawn.action[:, 0] == count).all()
    assert (drawn.terminated == (count + 1 == torch.tensor(lengths)[env.long()])).all()
    expected = sum(1 / length for length in lengths) / len(lengths)
    assert drawn.terminated.float().mean() == pytest.approx(expected, rel=0.15)


def test_transitions_are_drawn_independently() -> None:
    torch.manual_seed(0)
    steps = filled(CountingEnv([50]), capacity=50, steps=50).transitions(20_000).observation[:, 1]
    assert torch.corrcoef(torch.stack([steps[:-1], steps[1:]]))[0, 1].abs() < 0.03


def test_a_batch_has_as_many_transitions_as_its_slices_and_slices_only_where_they_are_wanted() -> None:
    replay = filled(CountingEnv([9, 9]), capacity=100, steps=40)
    alone, both = replay.sample(16, slices=False), replay.sample(16, slices=True)
    assert alone.transitions.reward.shape == (16 * 4,) and alone.slices is None
    assert both.slices is not None and both.slices.reward.shape == (4, 16)


def test_what_a_diverged_simulation_gave_is_never_drawn() -> None:
    env = CountingEnv([30, 30])
    replay = Replay(200, 2, 3, 2, 4, env.task)
    observation = env.reset()
    for index in range(60):
        step = env.step(torch.zeros(2, 2))
        if index % 7 == 6:
            step.final_observation[1] = float("nan")
            step.truncated[1] = step.diverged[1] = True
        replay.add(experience([(observation, torch.zeros(2, 2), step)]))
        observation = step.observation
    drawn, slices = replay.transitions(3000), replay.slices(3000)
    assert drawn.next_observation.isfinite().all() and slices.observation.isfinite().all()
    assert (drawn.observation[:, 2] == 1).float().mean() == pytest.approx(52 / 112, abs=0.04)


def test_after_the_ring_has_wrapped_no_stale_or_torn_slice_is_drawn() -> None:
    replay = filled(CountingEnv([11, 13]), capacity=2 * 20, steps=137)
    batch = replay.slices(2000)
    episode, count, env = batch.observation.unbind(-1)
    assert (count[1:] == count[:-1] + 1).all() and (episode == episode[0]).all()
    age = 137 - (episode * torch.tensor([11, 13])[env.long()] + count)[0]
    assert age.max() <= 20 and age.min() >= 4


def test_an_episode_shorter_than_a_slice_has_transitions_and_no_slices() -> None:
    replay = filled(CountingEnv([2, 50]), capacity=200, steps=45)
    assert len(replay) == 90
    assert (replay.slices(500).observation[0, :, 2] == 1).all()
    assert (replay.transitions(500).observation[:, 2] == 0).any()


def test_without_a_slice_there_is_nothing_to_draw() -> None:
    assert filled(CountingEnv([2, 3]), capacity=200, steps=50).num_slices() == 0


def test_restoring_gives_the_same_samples() -> None:
    replay = filled(CountingEnv([7, 9]), capacity=60, steps=100)
    other = Replay(60, 2, 3, 2, 4, replay.task)
    other.load_state_dict(replay.state_dict())
    torch.manual_seed(3)
    expected = replay.sample(50, slices=True)
    torch.manual_seed(3)
    found = other.sample(50, slices=True)
    assert expected.slices is not None and found.slices is not None
    for a, b in zip(expected.transitions, found.transitions, strict=True):
        assert torch.equal(a, b)
    for a, b in zip(expected.slices, found.slices, strict=True):
        assert torch.equal(a, b)


def test_a_ring_too_small_for_a_slice_is_refused() -> None:
    with pytest.raises(UserError, match="replay_capacity=8.*at least 10"):
        Replay(8, 2, 3, 2, 4, torch.zeros(2, dtype=torch.int64))


def test_tasks_are_drawn_alike_however_many_environments_each_has() -> None:
    torch.manual_seed(0)
    env = CountingEnv([40, 40, 40, 7], task=[0, 0, 0, 1])
    replay = filled(env, capacity=400, steps=80)
    transitions, slices = replay.transitions(20_000), replay.slices(20_000)
    for task in (transitions.task, slices.task):
        assert (task == 1).float().mean() == pytest.approx(0.5, abs=0.02)
    of_the_first = transitions.observation[transitions.task == 0, 2]
    assert torch.bincount(of_the_first.long()).float().std() / len(of_the_first) < 0.02
    assert (transitions.observation[transitions.task == 1, 2] == 3).all()


def test_a_task_without_a_slice_leaves_the_others_all_of_them() -> None:
    replay = filled(CountingEnv([3, 40, 3], task=[0, 1, 2]), capacity=300, steps=60)
    assert (replay.slices(500).task == 1).all()
    assert len(replay.transitions(500).task.unique()) == 3
