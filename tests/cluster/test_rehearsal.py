"""The jobs on a real Slurm, with real Apptainer: the rehearsal, and what can happen to a job.

It needs Docker, the image of the rehearsal's cluster and a SIF of this checkout, named by PWM_TEST_SIF.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pwm.run.metrics import read_metrics
from pwm.suite import experiments
from pwm.suite.rehearsal import rehearsal
from pwm.suite.rehearsal.node import Node
from pwm.suite.rehearsal.rehearsal import OVERRIDES, Rehearsal
from pwm.suite.slurm import cluster_config, records
from pwm.suite.slurm.submit import run_folder

SIF = os.environ.get("PWM_TEST_SIF", "")
pytestmark = [
    pytest.mark.skipif(not SIF, reason="needs a SIF of this checkout: PWM_TEST_SIF=<path>"),
    pytest.mark.skipif(shutil.which("docker") is None, reason="needs Docker"),
    pytest.mark.xdist_group("cluster"),
]
CHECKPOINT_EVERY = 4  # epochs, of scale=demo
LONG = "max_epochs=100000"
WITHIN_S = 240


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    work = tmp_path_factory.mktemp("rehearsal")
    shutil.copyfile(SIF, work / "pwm.sif")
    (work / "pwm.sif").chmod(0o644)
    node = Node("pwm-rehearsal-test", rehearsal.IMAGE, work)
    rehearsed = Rehearsal(node)
    rehearsed.lay_out()
    node.up()
    yield rehearsed
    node.down()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(1.0)


def epochs(run: Path) -> list[int]:
    return [row["epoch"] for row in read_metrics(run / "metrics.jsonl")]


def state(cluster: Rehearsal, run: Path) -> str:
    return cluster.jobs()[run.name].state


def start(cluster: Rehearsal, name: str, seed: int, *words: str) -> Path:
    """Submit one run and wait until it has trained for longer than a checkpoint's interval."""
    run = run_folder(cluster.work, name, seed)
    before = len(epochs(run))
    cluster.suite("submit", name, f"--seeds={seed}", *OVERRIDES, LONG, *words)
    until(lambda: len(epochs(run)) > before + CHECKPOINT_EVERY)
    return run


def test_all_eight_finish_and_one_outlives_its_time_limit(cluster: Rehearsal) -> None:
    cluster.submit()
    cluster.wait()
    assert cluster.complaints() == []
    assert len(cluster.jobs()) == len(experiments.names()) == 8


def test_a_killed_job_loses_a_checkpoint_interval_at_most(cluster: Rehearsal) -> None:
    run = start(cluster, "st_flow_v2", 1)
    cluster.node.execute("pkill", "--signal=KILL", "--full", "pwm train")
    until(lambda: not cluster.jobs()[run.name].live)
    reached = epochs(run)
    assert state(cluster, run) == "FAILED"
    start(cluster, "st_flow_v2", 1)
    log = (cluster.work / f"logs/train_48M_st_flow_v2_{records.ids(run)[-1]}.out").read_text()
    resumed = int(log.split("after epoch ")[1].split()[0])
    assert resumed > reached[-1] - CHECKPOINT_EVERY - 1
    now = epochs(run)
    assert now == list(range(1, len(now) + 1))
    cluster.suite("cancel", "st_flow_v2")


def test_a_cancelled_job_stays_cancelled(cluster: Rehearsal) -> None:
    run = start(cluster, "mt_flow_v1", 2)
    cluster.suite("cancel", "mt_flow_v1", "--seeds=2")
    until(lambda: not cluster.jobs()[run.name].live)
    time.sleep(15)  # a requeue would be due by now
    assert state(cluster, run) == "CANCELLED"
    assert len(rehearsal.starts(run)) == 1


def test_two_gpus_are_two_processes_that_stop_and_resume_as_one(cluster: Rehearsal) -> None:
    two = (cluster_config.config_dir() / "cluster/pace_l40s.yaml").read_text().replace("gpus: 1 ", "gpus: 2 ")
    (cluster.work / "two.yaml").write_text(two)
    run = start(cluster, "st_baseline", 3, "--cluster=two.yaml")
    job = records.ids(run)[-1]
    cluster.node.execute("scancel", "--batch", f"--signal={signal.SIGUSR2.name}", job)
    until(lambda: len(rehearsal.starts(run)) == 2)
    reached = len(epochs(run))
    until(lambda: len(epochs(run)) > reached)
    now = epochs(run)
    assert now == list(range(1, len(now) + 1))
    cluster.suite("cancel", "st_baseline", "--cluster=two.yaml")
