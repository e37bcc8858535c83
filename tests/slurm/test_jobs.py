"""The batch scripts: their text, and what they do when they run (with stand-ins for Slurm and Apptainer)."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import signal
import subprocess
import time
from pathlib import Path

import pytest

from pwm.commands import launch
from pwm.config.compose import compose
from pwm.errors import UserError
from pwm.suite import experiments
from pwm.suite.slurm import cluster_config, jobs
from pwm.suite.slurm.cluster_config import Cluster
from pwm.suite.sweeps import script as sweep_script
from tests.slurm.fake import FakeSlurm, cluster_yaml, install, shellcheck

ROOT = Path(__file__).resolve().parents[2]
APPTAINER = """#!/bin/bash
printf '%s\\n' "$@" > {folder}/arguments
run=$(sed -n 's/^run=//p' {folder}/arguments)
{body}
"""


def render(cluster: Cluster, name: str = "mt_flow_v2") -> str:
    return jobs.render(compose([f"alg={name}"]), cluster)


def cluster(folder: Path, **changes: str) -> Cluster:
    path = folder / "mine.yaml"
    path.write_text(cluster_yaml(**changes))
    return cluster_config.load(str(path))


def test_the_committed_scripts_are_the_rendered_ones() -> None:
    default = cluster_config.load()
    names = experiments.names()
    assert len(names) == 8
    paths = {ROOT / jobs.script_path(compose([f"alg={name}"]), default): name for name in names}
    assert set(paths) == set((ROOT / "jobs").glob("*.sbatch"))
    for path, name in paths.items():
        assert path.read_text() == render(default, name), f"{path.name} is stale: make jobs"


def test_what_the_recommended_experiment_asks_for() -> None:
    lines = [line for line in render(cluster_config.load()).splitlines() if line.startswith("#SBATCH")]
    assert lines == [
        "#SBATCH --account='gts-agarg35-ideas_l40s'",
        "#SBATCH --cpus-per-task='4'",
        "#SBATCH --error='logs/train_48M_mt_flow_v2_%j.err'",
        "#SBATCH --gres='gpu:L40S:1'",
        "#SBATCH --job-name='mt_flow_v2'",
        "#SBATCH --mem='128G'",
        "#SBATCH --nodes='1'",
        "#SBATCH --ntasks-per-node='1'",
        "#SBATCH --open-mode='append'",
        "#SBATCH --output='logs/train_48M_mt_flow_v2_%j.out'",
        "#SBATCH --requeue",
        "#SBATCH --signal='B:USR2@300'",
        "#SBATCH --time='24:00:00'",
    ]


def test_nothing_personal_outside_the_cluster_configs() -> None:
    tracked = subprocess.run(["git", "ls-files", "pwm", "configs", "Makefile"], cwd=ROOT, capture_output=True)
    account = cluster_config.load().account
    assert account is not None
    for name in tracked.stdout.decode().splitlines():
        if not name.startswith("configs/cluster/") and (ROOT / name).is_file():
            assert account.encode() not in (ROOT / name).read_bytes(), name


def test_another_cluster_is_rendered_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert jobs.run(["--cluster", "local"]) == 0
    paths = sorted(Path("jobs").rglob("*.sbatch"))
    assert len(paths) == 8
    assert {path.parent for path in paths} == {Path("jobs/local")}
    assert "account" not in paths[0].read_text()
    ignored = subprocess.run(["git", "check-ignore", "-q", "jobs/local/x.sbatch"], cwd=ROOT)
    assert ignored.returncode == 0


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"nodes": "2", "gpus": "4"},
        {"modules": "[apptainer/1.4]", "binds": "[/a b:/c]", "runs": "/the runs"},
    ],
)
def test_shellcheck_finds_nothing(tmp_path: Path, changes: dict[str, str]) -> None:
    script = tmp_path / "job.sbatch"
    script.write_text(render(cluster(tmp_path, **changes)))
    shellcheck(script)


def test_several_gpus_are_one_process_each(tmp_path: Path) -> None:
    text = render(cluster(tmp_path, nodes="2", gpus="4"))
    assert "#SBATCH --nodes='2'" in text
    assert "--gres='gpu:L40S:4'" in text
    assert "\nsrun --ntasks-per-node=1 apptainer run --nv" in text
    assert "'num_processes=8'" in text


def test_an_experiment_with_a_hostile_name_is_refused() -> None:
    config = compose(["alg=mt_flow_v2"])
    for name in ("a b", "$(id)", "a\nb", "-x", "a'b", "../a", ""):
        with pytest.raises(UserError, match="cannot be called"):
            jobs.render(dataclasses.replace(config, name=name), cluster_config.load())


class Node:
    """A node on which a batch script runs; the working directory is the checkout."""

    def __init__(self, slurm: FakeSlurm, script: Path) -> None:
        self.slurm, self.script = slurm, script
        self.environment = os.environ | {"SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "a,b"}
        slurm.answer("squeue", "RUNNING\n")
        Path("pwm.sif").touch()

    def train(self, body: str) -> None:
        """What the trainer does from now on, in bash."""
        folder = shlex.quote(str(self.slurm.folder))
        self.slurm.command("apptainer", APPTAINER.format(folder=folder, body=body))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", str(self.script), *arguments],
            env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *arguments: str) -> tuple[int, str, str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    @property
    def arguments(self) -> list[str]:
        return (self.slurm.folder / "arguments").read_text().splitlines()

    @property
    def requeued(self) -> list[list[str]]:
        return self.slurm.calls("scontrol")


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    node = Node(install(tmp_path, monkeypatch), tmp_path / "job.sbatch")
    node.script.write_text(render(cluster(tmp_path, overrides="[num_envs=64]")))
    node.train("exit 0")
    return node


def test_trains_in_a_stable_folder_and_hands_arguments_on_untouched(node: Node) -> None:
    hostile = ["a=$(touch hacked)", "b='`touch hacked`'", "c=d e", "d=;touch hacked", "-e=*"]
    assert node.run(*hostile)[0] == 0
    run = f"{Path.cwd()}/runs/mt_flow_v2-s0"
    assert node.arguments == [
        "run", "--nv", "--bind", run, "pwm.sif",
        "train", "alg=mt_flow_v2", "num_envs=64", "tracking=disabled", f"run={run}", "seed=0", *hostile,
    ]  # fmt: skip
    assert not Path("hacked").exists()
    assert Path("runs/mt_flow_v2-s0/jobs").read_text().startswith("7 starts from")
    assert not node.requeued


def test_the_index_of_an_array_is_the_seed(node: Node) -> None:
    node.environment |= {"SLURM_ARRAY_JOB_ID": "5", "SLURM_ARRAY_TASK_ID": "3"}
    node.train("exit 75")
    node.run()
    assert "seed=3" in node.arguments
    assert f"run={Path.cwd()}/runs/mt_flow_v2-s3" in node.arguments
    assert node.requeued == [["requeue", "5_3"]]


@pytest.mark.parametrize("code", [75, 140])
def test_requeues_when_the_trainer_was_stopped(node: Node, code: int) -> None:
    node.train(f"exit {code}")
    assert "requeueing job 7" in node.run()[1]
    assert node.requeued == [["requeue", "7"]]


@pytest.mark.parametrize("state", ["CANCELLED\n", "COMPLETING\n", ""])
def test_a_cancelled_job_does_not_come_back(node: Node, state: str) -> None:
    node.train("exit 75")
    node.slurm.answer("squeue", state)
    assert node.run()[0] == 75
    assert not node.requeued


@pytest.mark.parametrize("code", [1, 2, 137])
def test_a_failure_is_a_failure(node: Node, code: int) -> None:
    node.train(f"exit {code}")
    assert node.run()[0] == code
    assert not node.requeued


AWAY = "#!/bin/bash\necho x >> {tries}\n[[ $(wc -l < {tries}) -gt {times} ]] || exit 1\necho RUNNING\n"


@pytest.mark.parametrize("name", ["squeue", "scontrol"])
@pytest.mark.parametrize("times", [1, 99])
def test_a_controller_that_is_away_is_asked_again_and_its_silence_is_no_answer(
    node: Node, name: str, times: int
) -> None:
    node.train("exit 75")
    node.slurm.command("sleep", "#!/bin/sh\n")
    tries = shlex.quote(str(node.slurm.folder / "tries"))
    node.slurm.command(name, AWAY.format(tries=tries, times=times))
    code, out, err = node.run()
    if times == 1:
        assert code == 75 and "requeueing job 7" in out
    else:
        assert code == 2 and "submit it again, it resumes" in err


def test_a_requeue_that_is_refused_is_told(node: Node) -> None:
    node.train(f"touch {shlex.quote(str(node.slurm.folder / 'refuse'))}; exit 75")
    node.slurm.command("scontrol", "#!/bin/sh\nexit 1\n")
    code, _, err = node.run()
    assert code == 2
    assert "cannot requeue job 7: submit it again, it resumes" in err


@pytest.mark.parametrize("number", [signal.SIGUSR2, signal.SIGTERM])
def test_signals_reach_the_trainer_and_its_saving_is_waited_for(node: Node, number: signal.Signals) -> None:
    node.train("trap 'sleep 1; echo saved; exit 75' USR2\ntouch ready\nwhile true; do sleep 0.1; done")
    assert_saves_and_is_requeued(node, number)


@pytest.mark.parametrize("number", [signal.SIGUSR2, signal.SIGTERM])
def test_several_processes_are_told_by_a_file(node: Node, tmp_path: Path, number: signal.Signals) -> None:
    node.script.write_text(render(cluster(tmp_path, gpus="2")))
    node.slurm.command("srun", '#!/bin/bash\nshift\nexec "$@"\n')
    wait = (
        f'touch ready\nwhile [ ! -e "${launch.STOP_FILE}" ]; do sleep 0.1; done\nsleep 1; echo saved; exit 75'
    )
    node.train(wait)
    assert_saves_and_is_requeued(node, number)
    Path("ready").unlink()
    assert_saves_and_is_requeued(node, number)  # the file of the first stop does not stop the second start


def assert_saves_and_is_requeued(node: Node, number: signal.Signals) -> None:
    requeued = len(node.requeued)
    process = node.start()
    while not Path("ready").exists():
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert re.search("saved\n.*requeueing job 7", out)
    assert node.requeued[requeued:][-1:] == [["requeue", "7"]]


def test_a_job_that_makes_no_progress_is_not_started_for_ever(node: Node) -> None:
    node.train("exit 75")
    node.run()
    node.run()
    code, _, err = node.run()
    assert code == 2
    assert "started twice and saved nothing new" in err
    assert len(node.requeued) == 2
    node.environment["SLURM_JOB_ID"] = "8"  # submitted again, it may try
    node.run()
    assert len(node.requeued) == 3


def test_a_job_that_makes_progress_goes_on(node: Node) -> None:
    node.train('mkdir -p "$run/checkpoints"; touch "$run/checkpoints/epoch-$RANDOM.pt"; exit 75')
    for _ in range(4):
        node.run()
    assert len(node.requeued) == 4


def test_a_missing_image_and_a_folder_out_of_reach_are_named(node: Node) -> None:
    Path("pwm.sif").unlink()
    code, _, err = node.run()
    assert code == 2
    assert err.startswith("mt_flow_v2: no image pwm.sif in ")
    Path("pwm.sif").touch()
    Path("runs").touch()
    code, _, err = node.run()
    assert code == 2
    assert "mt_flow_v2: cannot create " in err


# Of the jobs of a sweep: what the image answers when a job asks for its cell.
DRAWS = """\
if [[ " $* " == *" suite draw "* ]]; then
    cp {folder}/arguments {folder}/drawn
    {answer}
fi
{body}
"""


class SweepNode(Node):
    """A node on which a job of a sweep runs; its cell is seed 1 of mt_flow_v2."""

    def train(self, body: str, draw: str = 'echo "$PWD/runs/mt_flow_v2-s1"; exit') -> None:
        folder = shlex.quote(str(self.slurm.folder))
        super().train(DRAWS.format(folder=folder, answer=draw, body=body))

    def run(self, *arguments: str) -> tuple[int, str, str]:
        return super().run("me/pwm/abc", *arguments)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return super().start(*(arguments or ["me/pwm/abc"]))


@pytest.fixture
def sweep_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SweepNode:
    node = SweepNode(install(tmp_path, monkeypatch), tmp_path / "job.sbatch")
    node.script.write_text(sweep_script.render("some", 24, cluster(tmp_path, overrides="[num_envs=64]")))
    node.environment |= {"SLURM_ARRAY_JOB_ID": "5", "SLURM_ARRAY_TASK_ID": "3"}
    node.train("exit 0")
    return node


def test_a_job_of_a_sweep_asks_for_its_cell_and_trains_it(sweep_node: SweepNode) -> None:
    hostile = ["a=$(touch hacked)", "b=c d"]
    assert sweep_node.run(*hostile)[0] == 0
    runs = f"{Path.cwd()}/runs"
    image, cell = ["run", "--nv", "--bind", runs, "pwm.sif"], f"{runs}/cells/some/5_3.json"
    drawn = (sweep_node.slurm.folder / "drawn").read_text().splitlines()
    assert drawn == [*image, "suite", "draw", "me/pwm/abc", cell, runs]
    run = f"{runs}/mt_flow_v2-s1"
    own = ["num_envs=64", "tracking=disabled"]  # what the cell says comes later and counts
    assert sweep_node.arguments == [*image, "suite", "cell", cell, run, *own, *hostile]
    assert not Path("hacked").exists()
    assert Path("runs/mt_flow_v2-s1/jobs").read_text().startswith("5_3 starts from")


@pytest.mark.parametrize(("code", "requeued"), [(0, []), (1, []), (75, [["requeue", "5_3"]])])
def test_a_job_of_a_sweep_ends_as_its_trainer_does(
    sweep_node: SweepNode, code: int, requeued: list[list[str]]
) -> None:
    sweep_node.train(f"exit {code}")
    assert sweep_node.run()[0] == code
    assert sweep_node.requeued == requeued


@pytest.mark.parametrize(("answer", "code"), [("exit 0", 0), ("exit 2", 2)], ids=["none left", "refused"])
def test_a_job_of_a_sweep_without_a_cell_trains_nothing(
    sweep_node: SweepNode, answer: str, code: int
) -> None:
    sweep_node.train("touch trained; exit 0", draw=answer)
    assert sweep_node.run()[0] == code
    assert not Path("trained").exists() and not list(Path("runs").iterdir())


@pytest.mark.parametrize("number", [signal.SIGUSR2, signal.SIGTERM])
def test_signals_reach_the_trainer_of_a_cell(sweep_node: SweepNode, number: signal.Signals) -> None:
    sweep_node.train("trap 'sleep 1; echo saved; exit 75' USR2\ntouch ready\nwhile true; do sleep 0.1; done")
    process = sweep_node.start()
    while not Path("ready").exists():
        time.sleep(0.05)
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert re.search("saved\n.*requeueing job 5_3", out)


@pytest.mark.parametrize("changes", [{}, {"nodes": "2", "gpus": "4", "binds": "[/a b:/c]"}])
def test_shellcheck_finds_nothing_in_the_script_of_a_sweep(tmp_path: Path, changes: dict[str, str]) -> None:
    script = tmp_path / "job.sbatch"
    script.write_text(sweep_script.render("some", 24, cluster(tmp_path, **changes)))
    assert "#SBATCH --time='24:00:00'" in script.read_text() and "#SBATCH --requeue" in script.read_text()
    shellcheck(script)


def test_a_sweep_with_a_hostile_name_is_refused() -> None:
    for name in ("a b", "$(id)", "-x", "../a"):
        with pytest.raises(UserError, match="a sweep cannot be called"):
            sweep_script.render(name, 24, cluster_config.load())
