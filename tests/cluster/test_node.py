"""The rehearsal's node and folder, with a stand-in for Docker."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from pwm.errors import UserError
from pwm.suite.rehearsal import rehearsal
from pwm.suite.rehearsal.node import Node
from pwm.suite.slurm import records
from tests.slurm.fake import FakeSlurm, install

# `docker exec … name command …` runs the command here; the rest is written down.
DOCKER = """#!/bin/bash
echo "$@" >> {folder}/docker
case $1 in
exec)
    while [[ $1 != pwm-rehearsal ]]; do shift; done
    shift; [[ $1 = usermod ]] || exec "{folder}/bin/$@" ;;
logs) cat {folder}/said ;;
inspect) echo "$(< {folder}/running)" ;;
esac
"""


@pytest.fixture
def slurm_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSlurm:
    fake = install(tmp_path, monkeypatch)
    fake.command("docker", DOCKER.format(folder=fake.folder))
    fake.answer("said", "cluster is up\n")
    fake.answer("running", "true\n")
    fake.queue()
    return fake


@pytest.fixture
def node(slurm_: FakeSlurm) -> Node:
    return Node("pwm-rehearsal", "pwm-cluster", Path("work"))


def test_the_commands_reach_the_cluster_with_every_argument(node: Node, slurm_: FakeSlurm) -> None:
    environment = node.environment(Path("bin"))
    hostile = ["sbatch", "--parsable", "a b", "$(touch hacked)", "'"]
    subprocess.run(hostile, env=environment, check=True)
    assert slurm_.calls("sbatch") == [hostile[1:]]
    assert (
        "exec --user=user --workdir=/rehearsal pwm-rehearsal sbatch" in (slurm_.folder / "docker").read_text()
    )


def test_a_cluster_that_dies_says_why(node: Node, slurm_: FakeSlurm) -> None:
    node.up()
    slurm_.answer("said", "the node does not come up:\nno munge\n")
    slurm_.answer("running", "false\n")
    with pytest.raises(UserError, match="does not come up: the node does not come up: no munge"):
        node.up()


def test_without_docker_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slurm_: FakeSlurm
) -> None:
    (slurm_.bin / "docker").unlink()
    monkeypatch.setenv("PATH", str(slurm_.bin))
    Path("pwm.sif").touch()
    with pytest.raises(UserError, match=r"needs Docker: apt-get install docker\.io"):
        rehearsal.run(["--sif", "pwm.sif"])


def test_the_image_is_asked_for_before_anything_is_removed(slurm_: FakeSlurm) -> None:
    Path("runs/rehearsal/st_baseline-s0").mkdir(parents=True)
    with pytest.raises(UserError, match="no image pwm.sif"):
        rehearsal.run(["--sif", "pwm.sif"])
    assert Path("runs/rehearsal/st_baseline-s0").is_dir()


def test_down_removes_the_cluster_and_its_folder(slurm_: FakeSlurm) -> None:
    Path("runs/rehearsal/st_baseline-s0").mkdir(parents=True)
    assert rehearsal.run(["--down"]) == 0
    assert not Path("runs/rehearsal").exists()
    assert "rm --force --volumes pwm-rehearsal" in (slurm_.folder / "docker").read_text()


def laid_out(node: Node) -> rehearsal.Rehearsal:
    """A rehearsal in ``work``, ready to submit."""
    Path("work").mkdir()
    Path("work/pwm.sif").write_text("an image")
    rehearsed = rehearsal.Rehearsal(node)
    rehearsed.lay_out()
    return rehearsed


def first_job(slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch, epochs: int) -> None:
    """The first job trains while it is waited for: a slow start, then 0.5 s an epoch."""

    def sleep(_: float) -> None:
        rows = [{"epoch": n, "seconds": 30 + n / 2} for n in range(1, epochs + 1)]
        path = Path("work") / f"{rehearsal.PACE}-s0/metrics.jsonl"
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        slurm.queue(("2314143", "COMPLETED", "0:20", "30:00", 0, "None"))

    slurm.queue(("2314143", "RUNNING", "0:01", "30:00", 0, "None"))
    monkeypatch.setattr(rehearsal.time, "sleep", sleep)


def test_a_first_job_that_did_not_train_ends_the_rehearsal(
    node: Node, slurm_: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearsed = laid_out(node)
    first_job(slurm_, monkeypatch, epochs=2)
    with pytest.raises(UserError, match="mt_baseline: .* trained too little: see .*work/logs"):
        rehearsed.submit()
    assert len(slurm_.calls("sbatch")) == 1


def test_all_eight_are_submitted_with_the_scripts_of_the_real_cluster(
    node: Node, slurm_: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearsed = laid_out(node)
    first_job(slurm_, monkeypatch, epochs=12)
    rehearsed.submit()
    calls = slurm_.calls("sbatch")
    root = Path(__file__).resolve().parents[2]
    scripts = [next(word for word in call if word.endswith(".sbatch")) for call in calls]
    assert len(set(scripts)) == 8
    for script in scripts:
        assert (Path("work") / script).read_text() == (root / script).read_text()
    limited = [call for call in calls if "--time=3" in call]
    assert [call for call in limited if "--signal=B:USR2@90" in call] == limited
    assert len(limited) == 1 and "max_epochs=360" in limited[0]  # 180 s
    assert all("scale=demo" in call and "env=ant" in call for call in calls)
    # The cluster's user writes where the submitting one did.
    assert os.stat("work/st_baseline-s0/jobs").st_mode & 0o002
    assert os.stat("work/logs").st_mode & 0o002


def test_what_did_not_go_as_it_must_is_told(node: Node, slurm_: FakeSlurm) -> None:
    Path("work").mkdir()
    rehearsed = rehearsal.Rehearsal(node)
    run = Path("work/st_baseline-s0")
    records.add(run, "1", "submitted to x")
    records.add(run, "1", "starts from ")
    slurm_.queue(("1", "FAILED", "0:10", "3:00", 0, "NonZeroExitCode"))
    (run / "metrics.jsonl").write_text('{"epoch": 1}\n{"epoch": 3}\n')
    assert [complaint.split(",")[0] for complaint in rehearsed.complaints()] == [
        "st_baseline-s0: job 1 is FAILED",
        "st_baseline-s0: its metrics have a gap or an epoch twice",
        "st_baseline: finished before its time limit",
    ]
    records.add(run, "1", "starts from epoch-1.pt")
    (run / "metrics.jsonl").write_text('{"epoch": 1}\n{"epoch": 2}\n')
    slurm_.queue(("1", "COMPLETED", "0:10", "3:00", 1, "None"))
    assert rehearsed.complaints() == []
