"""Submitting and cancelling, with a stand-in for Slurm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pwm.config.compose import compose, to_yaml
from pwm.errors import UserError
from pwm.suite import experiments
from pwm.suite.slurm import submit
from tests.slurm.fake import FakeSlurm, cluster_yaml, install

MINE = ["--cluster", "mine.yaml"]
SCRIPT = "jobs/mine/train_48M_{}.sbatch"


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSlurm:
    slurm = install(tmp_path, monkeypatch)
    slurm.queue()
    Path("mine.yaml").write_text(cluster_yaml())
    Path("pwm.sif").touch()
    return slurm


def recorded(name: str, seed: int = 0) -> list[str]:
    return Path(f"runs/{name}-s{seed}/jobs").read_text().splitlines()


def test_all_eight_are_submitted_and_their_jobs_recorded(slurm: FakeSlurm) -> None:
    assert submit.run([*MINE, "all"]) == 0
    names = experiments.names()
    assert slurm.calls("sbatch") == [["--parsable", SCRIPT.format(name)] for name in names]
    assert recorded("mt_flow_v2") == [f"{2314143 + names.index('mt_flow_v2')} submitted to mine"]
    assert Path("logs").is_dir()
    assert all(Path(SCRIPT.format(name)).is_file() for name in names)


@pytest.mark.parametrize("setting", ["st", "mt"])
def test_one_setting_is_four(slurm: FakeSlurm, setting: str) -> None:
    submit.run([*MINE, setting])
    scripts = [call[-1] for call in slurm.calls("sbatch")]
    assert len(scripts) == 4
    assert all(f"train_48M_{setting}_" in script for script in scripts)


def test_seeds_make_an_array(slurm: FakeSlurm) -> None:
    submit.run([*MINE, "mt_flow_v2", "--seeds", "3,0,1", "wm_batch_size=64"])
    log = "logs/train_48M_mt_flow_v2_%A_%a"
    assert slurm.calls("sbatch") == [
        ["--parsable", "--array=0,1,3", f"--error={log}.err", f"--output={log}.out",
         SCRIPT.format("mt_flow_v2"), "wm_batch_size=64"]
    ]  # fmt: skip
    assert recorded("mt_flow_v2", 3) == ["2314143_3 submitted to mine"]


def test_the_cost_comes_first(slurm: FakeSlurm, capsys: pytest.CaptureFixture[str]) -> None:
    submit.run([*MINE, "all"])
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("8 jobs: at most 144 GPU-hours")
    assert "17 GB of disk" in first
    assert "SEEDS=0,1,2,3,4 takes 720 GPU-hours" in first
    submit.run([*MINE, "st_baseline", "--seeds", "1,2"])
    assert capsys.readouterr().out.startswith("2 jobs: at most 24 GPU-hours")


def test_where_the_speed_is_known_the_cost_is_what_the_epochs_take(
    slurm: FakeSlurm, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine.yaml").write_text(f"{cluster_yaml()}\nepoch_s: 0.5\n")
    submit.run([*MINE, "all"])
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("8 jobs: about 19 GPU-hours at 0.5 s an epoch, at most 144 GPU-hours")
    assert "takes 95 GPU-hours" in first
    submit.run([*MINE, "st_baseline", "--seeds", "1,2", "size=5M", "--dry-run"])
    assert capsys.readouterr().out.startswith("2 jobs: at most 24 GPU-hours")


@pytest.mark.parametrize(
    "state", ["PENDING", "RUNNING", "COMPLETING", "REQUEUED", "SUSPENDED", "CONFIGURING"]
)
def test_a_live_run_is_not_submitted_twice(
    slurm: FakeSlurm, capsys: pytest.CaptureFixture[str], state: str
) -> None:
    submit.run([*MINE, "mt_flow_v2"])
    slurm.queue(("2314143", state, "0:10", "1-00:00:00", 0, "None"))
    submit.run([*MINE, "mt_flow_v2"])
    assert len(slurm.calls("sbatch")) == 1
    assert f"runs/mt_flow_v2-s0 has job 2314143 ({state})" in capsys.readouterr().out


@pytest.mark.parametrize(
    "state", ["FAILED", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL", "CANCELLED", "COMPLETED"]
)
def test_a_job_that_ended_is_submitted_again(slurm: FakeSlurm, state: str) -> None:
    submit.run([*MINE, "mt_flow_v2"])
    slurm.queue(("2314143", state, "0:10", "1-00:00:00", 0, "None"))
    submit.run([*MINE, "mt_flow_v2"])
    assert [line.split()[0] for line in recorded("mt_flow_v2")] == ["2314143", "2314144"]


def test_of_an_array_only_the_missing_seeds_are_submitted(slurm: FakeSlurm) -> None:
    submit.run([*MINE, "mt_flow_v2", "--seeds=0,1"])
    slurm.queue(("2314143_1", "RUNNING", "0:10", "1-00:00:00", 0, "None"))
    submit.run([*MINE, "mt_flow_v2", "--seeds=0,1,2"])
    assert "--array=0,2" in slurm.calls("sbatch")[1]


def test_a_finished_run_is_not_submitted(slurm: FakeSlurm, capsys: pytest.CaptureFixture[str]) -> None:
    Path("runs/mt_flow_v2-s0").mkdir(parents=True)
    Path("runs/mt_flow_v2-s0/metrics.jsonl").write_text(json.dumps({"epoch": 20000, "R": 1.0}) + "\n")
    submit.run([*MINE, "mt_flow_v2"])
    assert not slurm.calls("sbatch")
    assert "runs/mt_flow_v2-s0 is finished: 20000 epochs" in capsys.readouterr().out


def test_a_dry_run_changes_nothing(slurm: FakeSlurm, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(Path.cwd().rglob("*"))
    submit.run([*MINE, "mt_flow_v2", "--dry-run", "--sbatch=--time=00:05:00", "env.options.x='a b'"])
    assert not slurm.calls("sbatch")
    assert sorted(Path.cwd().rglob("*")) == before
    command = capsys.readouterr().out.splitlines()[-1]
    script = SCRIPT.format("mt_flow_v2")
    assert command == f"""sbatch --parsable --time=00:05:00 {script} 'env.options.x='"'"'a b'"'"''"""


def test_a_dry_run_needs_no_slurm(slurm: FakeSlurm, capsys: pytest.CaptureFixture[str]) -> None:
    for command in slurm.bin.iterdir():
        command.unlink()
    Path("pwm.sif").unlink()
    assert submit.run([*MINE, "st", "--dry-run"]) == 0
    assert capsys.readouterr().out.count("sbatch --parsable") == 4


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mt_flow_v9"], "unknown experiment 'mt_flow_v9'; choose one of all, "),
        (["size=5M"], "no experiment named"),
        (["mt_flow_v2", "wm_bach_size=1"], "did you mean 'wm_batch_size'"),
        (["mt_flow_v2", "seed=1"], "see --seeds"),
        (["mt_flow_v2", "run=x"], "is for the script to say"),
        (["mt_flow_v2", "--seeds=1;2"], "seeds are whole numbers"),
        (["mt_flow_v2", "--seeds=-1"], "seeds are whole numbers"),
        (["mt_flow_v2", "-x=$(id)"], "unrecognized arguments"),
        (["$(touch hacked)"], "unknown experiment"),
    ],
)
def test_a_mistake_is_told_before_anything_is_submitted(
    slurm: FakeSlurm, words: list[str], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        submit.run([*MINE, *words])
    assert not slurm.calls("sbatch")
    assert not Path("hacked").exists()


def test_hostile_overrides_reach_sbatch_as_they_are(slurm: FakeSlurm) -> None:
    hostile = "env.options.x='$(touch hacked) ; `touch hacked`'"
    submit.run([*MINE, "mt_flow_v2", hostile])
    assert slurm.calls("sbatch")[0][-1] == hostile
    assert not Path("hacked").exists()


def test_a_missing_image_is_told(slurm: FakeSlurm) -> None:
    Path("pwm.sif").unlink()
    with pytest.raises(UserError, match="no image pwm.sif: `make sif` builds it"):
        submit.run([*MINE, "mt_flow_v2"])


def test_another_experiment_in_the_folder_is_told(slurm: FakeSlurm) -> None:
    Path("runs/mt_flow_v2-s0").mkdir(parents=True)
    Path("runs/mt_flow_v2-s0/config.yaml").write_text(to_yaml(compose(["alg=mt_flow_v2"])))
    submit.run([*MINE, "mt_flow_v2"])
    with pytest.raises(UserError, match="holds another experiment \\(model_size 48M -> 5M.*move it away"):
        submit.run([*MINE, "mt_flow_v2", "size=5M"])


def test_slurm_being_down_submits_nothing(slurm: FakeSlurm) -> None:
    slurm.down()
    with pytest.raises(UserError, match="Unable to contact slurm controller"):
        submit.run([*MINE, "all"])
    assert not slurm.calls("sbatch")


def test_what_sbatch_refuses_is_told_with_its_reason(slurm: FakeSlurm) -> None:
    slurm.command("sbatch", "#!/bin/sh\necho 'sbatch: error: invalid account' >&2; exit 1\n")
    with pytest.raises(UserError, match="sbatch: error: invalid account"):
        submit.run([*MINE, "mt_flow_v2"])
    assert not Path("runs/mt_flow_v2-s0/jobs").exists()


def test_only_live_jobs_are_cancelled(slurm: FakeSlurm, capsys: pytest.CaptureFixture[str]) -> None:
    submit.run([*MINE, "mt_flow_v1", "mt_flow_v2", "--seeds=0,1"])
    slurm.queue(
        ("2314143_0", "RUNNING", "0:10", "1-00:00:00", 0, "None"),
        ("2314144_0", "RUNNING", "0:10", "1-00:00:00", 0, "None"),
        ("2314144_1", "FAILED", "0:10", "1-00:00:00", 0, "None"),
    )
    submit.cancel([*MINE, "mt_flow_v2"])
    assert slurm.calls("scancel") == [["2314144_0"]]
    assert "cancelled 2314144_0" in capsys.readouterr().out
    submit.cancel([*MINE, "mt", "--seeds=1"])
    assert len(slurm.calls("scancel")) == 1
    assert "none of them has a job in the queue" in capsys.readouterr().out
