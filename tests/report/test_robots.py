"""One model of several robots beside one of each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pwm.suite.report.report import build
from pwm.suite.report.robots import shared
from pwm.suite.report.runs import collect
from tests.report import synthetic

PENDULUMS = ("env=mt_pendulums",)
PENDULUM_NAMES = ("cartpole", "double_pendulum")


def several(
    root: Path, name: str, seed: int, returns: dict[str, float], epochs: int = 60, shares: str = ""
) -> None:
    """A run of both pendulums, whose tasks end at ``returns``."""
    overrides = (*PENDULUMS, f"env_shares={shares}") if shares else PENDULUMS
    folder = synthetic.run(root, name, seed, top=1.0, epochs=epochs, overrides=overrides)
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    for row in rows:
        share = min(1.0, row["epoch"] / (0.8 * epochs))
        row |= {f"R_{task}": share * (value + seed) for task, value in returns.items()}
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for seed in range(3):
        several(tmp_path / "both", "mt_baseline", seed, {"cartpole": 100.0, "double_pendulum": 900.0}, 120)
        for task, top in (("cartpole", 400.0 + seed), ("double_pendulum", 300.0 + seed)):
            synthetic.run(tmp_path / task, "st_baseline", seed, top=top, overrides=(f"env={task}",))
    return tmp_path


def test_each_robot_is_looked_at_after_as_many_of_its_own_steps(root: Path) -> None:
    found = collect([root / "both", root / "cartpole", root / "double_pendulum"])
    rows = {row.robot: row for row in shared(found)}
    assert set(rows) == {"cartpole", "double_pendulum"}
    for row in rows.values():
        assert row.steps == 60 * 128 * 16  # two robots share the 120 epochs of the others
        assert len(row.single) == len(row.multi) == 3
    assert rows["cartpole"].verdict == "sharing costs"
    assert rows["cartpole"].gain.estimate == pytest.approx(-300.0)
    assert rows["double_pendulum"].verdict == "sharing gains"
    assert rows["double_pendulum"].means == pytest.approx((301.0, 901.0))


def test_a_robot_with_more_environments_has_more_of_the_steps(tmp_path: Path) -> None:
    several(tmp_path, "mt_baseline", 0, {"cartpole": 1.0, "double_pendulum": 2.0}, 40, shares="[3,1]")
    for task in PENDULUM_NAMES:
        synthetic.run(tmp_path / task, "st_baseline", 0, epochs=40, overrides=(f"env={task}",))
    found = collect([tmp_path, *(tmp_path / task for task in PENDULUM_NAMES)])
    steps = {row.robot: row.steps for row in shared(found)}
    assert steps == {"cartpole": 30 * 128 * 16, "double_pendulum": 10 * 128 * 16}


def test_the_page_says_so_and_scores_are_never_beside_returns(root: Path) -> None:
    found = collect([root / "both", root / "cartpole", root / "double_pendulum"])
    assert len({run.env for run in found.runs}) == 1
    page = build(found).markdown("figures")
    assert "One model of several robots against one of each" in page
    line = next(line for line in page.splitlines() if "| baseline | cartpole |" in line)
    assert "sharing costs" in line and "401.0 (3)" in line and "101.0 (3)" in line


def test_without_both_kinds_there_is_no_such_table(root: Path) -> None:
    for folders in (["both"], ["cartpole"]):
        found = collect([root / folder for folder in folders])
        assert shared(found) == []
        assert "One model of several robots" not in build(found).markdown("figures")


def test_one_seed_tells_nothing(tmp_path: Path) -> None:
    several(tmp_path / "both", "mt_flow_v2", 0, {"cartpole": 100.0, "double_pendulum": 900.0})
    synthetic.run(tmp_path / "one", "st_flow_v2", 0, overrides=("env=cartpole",))
    (row,) = shared(collect([tmp_path / "both", tmp_path / "one"]))
    assert row.verdict == "one seed tells nothing"
