from __future__ import annotations

import pytest
import torch

from pwm.data import Experience, experience
from pwm.envs import Step
from pwm.learning.episodes import EpisodeStats
from tests.fakes import CountingEnv


def seen(steps: list[Step]) -> Experience:
    return experience([(step.observation, step.observation, step) for step in steps])


def played(
    lengths: list[int], steps: int, task: list[int] | None = None, window: int = 100, together: int = 1
) -> EpisodeStats:
    """After ``steps`` steps, taken one by one or several ``together``."""
    env = CountingEnv(lengths)
    tasks = torch.tensor(task or [0] * len(lengths))
    stats = EpisodeStats(tasks, int(tasks.max()) + 1, window)
    for first in range(0, steps, together):
        number = min(together, steps - first)
        stats.add(seen([env.step(torch.zeros(len(lengths), 2)) for _ in range(number)]))
    return stats


@pytest.mark.parametrize("together", [2, 5, 16, 40])
def test_steps_count_alike_one_by_one_and_several_together(together: int) -> None:
    lengths, task = [1, 2, 5, 11, 100], [0, 1, 0, 1, 0]
    one_by_one = played(lengths, 37, task, window=10).state_dict()
    at_once = played(lengths, 37, task, window=10, together=together).state_dict()
    one_by_one["finished"][:, -1] = at_once["finished"][:, -1] = 0  # where nothing is kept
    for key, value in one_by_one.items():
        assert torch.equal(at_once[key], value), key


def test_before_the_first_finished_episode_there_is_nothing() -> None:
    assert played([5, 6], 4).sums()[0].tolist() == [0, 0, 0, 0]


def test_returns_and_lengths_are_means_over_finished_episodes_only() -> None:
    total, length, count, _ = played([2, 5], 9).sums()[0].tolist()
    assert count == 4 + 1
    assert total == 4 * (1 + 2) + (1 + 2 + 3 + 4 + 5)
    assert length == 4 * 2 + 5


def test_only_the_last_episodes_count() -> None:
    stats = played([3, 1000], 3 * 30, window=10)
    total, length, count, _ = stats.sums()[0].tolist()
    assert (total, length, count) == (60, 30, 10)


def test_more_endings_at_once_than_the_window_holds() -> None:
    total, length, count, _ = played([4] * 250, 4).sums()[0].tolist()
    assert (total, length, count) == (1000, 400, 100)


def test_tasks_are_kept_apart() -> None:
    rows = played([2, 3, 3], 6, task=[1, 0, 0]).sums()
    assert rows[0].tolist() == [4 * 6, 4 * 3, 4, 0] and rows[1].tolist() == [3 * 3, 3 * 2, 3, 0]


def test_an_episode_that_diverged_has_no_return_and_is_counted_apart() -> None:
    env = CountingEnv([3, 3])
    stats = EpisodeStats(env.task, 1)
    for index in range(6):
        step = env.step(torch.zeros(2, 2))
        if index == 1:  # in the second of the first environment's three steps
            step.final_observation[0] = float("nan")
            step.truncated[0] = step.diverged[0] = True
        stats.add(seen([step]))
    # Of the first environment what followed, a step of the old episode and then a whole one.
    assert stats.sums()[0].tolist() == [3 + 6 + 6 + 6, 1 + 3 + 3 + 3, 4, 1]
