"""Submitting and cancelling, with a stand-in for Slurm."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from pwm.config.compose import compose, to_yaml
from pwm.errors import UserError
from pwm.suite import experiments
from pwm.suite.slurm import jobs, queue, status, submit
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
    submit.run([*MINE, "mt_flow_v2", "--dry-run", "--sbatch=--time=00:05:00", "tasks=[ant, cartpole]"])
    assert not slurm.calls("sbatch")
    assert sorted(Path.cwd().rglob("*")) == before
    command = capsys.readouterr().out.splitlines()[-1]
    script = SCRIPT.format("mt_flow_v2")
    assert command == f"sbatch --parsable --time=00:05:00 {script} 'tasks=[ant, cartpole]'"


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
    hostile = "it's='$(touch hacked) ; `touch hacked`'"
    queue.submit(Path("script"), [hostile], [])
    assert slurm.calls("sbatch")[0][-1] == hostile
    assert not Path("hacked").exists()


def test_a_missing_image_is_told(slurm: FakeSlurm) -> None:
    Path("pwm.sif").unlink()
    with pytest.raises(UserError, match="no image pwm.sif: `make sif` builds it"):
        submit.run([*MINE, "mt_flow_v2"])


def test_another_experiment_in_the_folder_is_told(slurm: FakeSlurm) -> None:
    Path("runs/mt_flow_v2-s0").mkdir(parents=True)
    Path("runs/mt_flow_v2-s0/config.yaml").write_text(to_yaml(compose(["alg=mt_flow_v2"])))
    Path("runs/mt_flow_v2-s0/metrics.jsonl").write_text('{"epoch": 1}\n')
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


@pytest.mark.parametrize(
    "answer",
    [
        "77;phoenix\nWelcome to Phoenix!\n",
        "Be nice.\n\n77\n",
        "Submitted batch job 77\n",
        "note: 5 jobs left\n77\n\n",
    ],
)
def test_the_job_is_named_wherever_it_stands(slurm: FakeSlurm, answer: str) -> None:
    slurm.command("sbatch", f"#!/bin/bash\nprintf %s {shlex.quote(answer)}\n")
    submit.run([*MINE, "st_baseline"])
    assert recorded("st_baseline") == ["77 submitted to mine"]


@pytest.mark.parametrize("name", ["st_flow_v1-s0", "st_flow_v2-s0/jobs"])
def test_what_cannot_be_recorded_is_not_submitted(slurm: FakeSlurm, name: str) -> None:
    path = Path("runs", name)
    path.parent.mkdir(parents=True)
    path.mkdir() if name.endswith("jobs") else path.touch()
    with pytest.raises(UserError, match="move it away"):
        submit.run([*MINE, "st"])
    assert not slurm.calls("sbatch")


ONCE = """
[[ -e {folder}/failed ]] && exec {command} "$@"
touch {folder}/failed
echo 'error: Unable to contact slurm controller (connect failure)' >&2
exit 1
"""


@pytest.mark.parametrize("name", ["sbatch", "squeue", "scancel"])
def test_a_controller_that_is_away_for_a_moment_is_asked_again(slurm: FakeSlurm, name: str) -> None:
    real = slurm.bin / f"real-{name}"
    (slurm.bin / name).rename(real)
    slurm.command(name, f"#!/bin/bash\n{ONCE.format(folder=slurm.folder, command=real)}")
    submit.run([*MINE, "st_baseline"])
    (line,) = recorded("st_baseline")
    slurm.queue((line.split()[0], "RUNNING", "1:00", "12:00:00", 0, "None"))
    assert submit.cancel([*MINE, "st_baseline"]) == 0
    assert len(slurm.calls("sbatch")) == len(slurm.calls("scancel")) == 1


def test_a_submission_whose_answer_was_lost_is_not_made_twice(slurm: FakeSlurm) -> None:
    slurm.command(
        "sbatch",
        "#!/bin/bash\necho x >> submitted\necho 'Socket timed out on send/recv operation' >&2\nexit 1\n",
    )
    with pytest.raises(UserError, match="Socket timed out"):
        submit.run([*MINE, "st_baseline"])
    assert Path("submitted").read_text() == "x\n"


def test_an_accounting_that_does_not_answer_is_told(
    slurm: FakeSlurm, capsys: pytest.CaptureFixture[str]
) -> None:
    submit.run([*MINE, "st_baseline"])
    capsys.readouterr()
    for message, told in (
        ("Unable to contact slurmdbd", True),
        ("Slurm accounting storage is disabled", False),
    ):
        slurm.command("sacct", f"#!/bin/bash\necho '{message}' >&2\nexit 1\n")
        assert status.run(MINE) == 0
        assert ("accounting does not answer" in capsys.readouterr().out) == told


def test_what_slurm_told_this_shell_is_not_told_to_the_job(
    slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = {"SLURM_ARRAY_TASK_ID": "7", "SBATCH_TIMELIMIT": "1:00:00", "SBATCH_ACCOUNT": "other"}
    left |= {"SQUEUE_FORMAT": "%i", "SLURM_JOB_ID": "5", "SLURM_CONF": "/etc/slurm.conf"}
    for name, value in left.items():
        monkeypatch.setenv(name, value)
    slurm.command("sbatch", "#!/bin/bash\nenv | grep -E '^(SLURM|SBATCH|SQUEUE)_' > told\necho 77\n")
    submit.run([*MINE, "st_baseline"])
    assert Path("told").read_text() == "SLURM_CONF=/etc/slurm.conf\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mt_flow_v2", "env.options.foo=1"], "unknown option of env ant 'foo'; choose one of"),
        (["mt_flow_v2", "env.options.episode_length=0"], "must be a whole number of at least 1, got 0"),
        (["mt_flow_v2", "env.options.inertia=heavy"], "unknown inertia 'heavy'"),
        (["mt_flow_v2", "tasks=[ant,cartpole]", "num_envs=17"], "num_envs=17 does not split evenly"),
        (["mt_flow_v2", "name=foo"], "is for the script to say"),
    ],
)
@pytest.mark.parametrize("how", [[], ["--dry-run"]])
def test_a_mistake_in_an_override_is_told_before(
    slurm: FakeSlurm, words: list[str], message: str, how: list[str]
) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        submit.run([*MINE, *words, *how])
    assert not slurm.calls("sbatch")


@pytest.mark.parametrize("made", ["a file", "a read-only folder"])
def test_scripts_that_cannot_be_written_are_one_line(
    slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch, made: str
) -> None:
    if made == "a file":
        Path("jobs").touch()
    else:
        monkeypatch.chdir("/proc")
    with pytest.raises(UserError, match="cannot write jobs/.*: .*batch scripts are written into jobs/"):
        jobs.run([])
