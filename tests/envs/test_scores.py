"""Returns of several tasks as one number."""

from __future__ import annotations

import pytest

from pwm.envs.scores import SCALES, combined, score


def test_random_actions_are_0_and_the_published_end_is_1() -> None:
    for task, (low, high) in SCALES.items():
        assert score(task, low) == 0.0 and score(task, high) == score(f"dflex_{task}", high) == 1.0


def test_one_task_keeps_its_return_and_several_are_averaged_as_scores() -> None:
    assert combined({"ant": 1234.0}) == 1234.0
    (low, high), (_, top) = SCALES["ant"], SCALES["hopper"]
    assert combined({"ant": (low + high) / 2, "hopper": top}) == pytest.approx(0.75)


def test_with_a_task_of_no_scale_returns_are_averaged() -> None:
    assert combined({"ant": 100.0, "dflex_snu_humanoid": 50.0}) == 75.0
