"""A run folder belongs to one experiment and one process at a time."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pwm.config.compose import compose
from pwm.config.types import TrainConfig
from pwm.errors import UserError
from pwm.run.folder import RunFolder, config_hash
from pwm.run.provenance import git_commit


def config(*overrides: str) -> TrainConfig:
    return compose(["alg=st_baseline", *overrides])


def opened(path: Path, *overrides: str) -> None:
    folder = RunFolder(path)
    folder.open(config(*overrides))
    folder.close()


def trained(path: Path, *overrides: str) -> None:
    opened(path, *overrides)
    (path / "metrics.jsonl").write_text('{"epoch": 1}\n')


def test_the_configuration_comes_back(tmp_path: Path) -> None:
    opened(tmp_path / "a" / "run", "env.options.inertia=dflex")
    assert RunFolder(tmp_path / "a" / "run").config() == config("env.options.inertia=dflex")


def test_the_same_command_may_resume(tmp_path: Path) -> None:
    opened(tmp_path / "run")
    opened(tmp_path / "run")
    starts = json.loads((tmp_path / "run" / "run.json").read_text())["starts"]
    assert len(starts) == 2


def test_what_does_not_define_the_experiment_may_change(tmp_path: Path) -> None:
    path = tmp_path / "run"
    opened(path)
    opened(path, f"run={path}", "device=cpu", "threads=2", "log_every=5", "num_processes=2")
    assert RunFolder(path).config().log_every == 5


def test_another_experiment_is_refused_by_the_differing_keys(tmp_path: Path) -> None:
    trained(tmp_path / "run")
    with pytest.raises(UserError) as error:
        opened(tmp_path / "run", "horizon=8", "seed=3")
    message = str(error.value)
    assert "horizon 16 -> 8" in message
    assert "seed 0 -> 3" in message
    assert "run=<folder>" in message
    assert "gamma" not in message
    assert RunFolder(tmp_path / "run").config().horizon == 16


def test_more_epochs_may_be_asked_for_and_not_fewer(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    trained(folder, "max_epochs=100")
    opened(folder, "max_epochs=300")
    assert RunFolder(folder).config().max_epochs == 300
    with pytest.raises(UserError, match="max_epochs=300, which may be raised but not lowered to 200"):
        opened(folder, "max_epochs=200")
    with pytest.raises(UserError, match=r"another experiment \(wm_lr .*\)"):
        opened(folder, "max_epochs=400", "wm_lr=0.1")
    with pytest.raises(UserError, match=r"another experiment \(.*max_epochs 300 -> 200.*\)"):
        opened(folder, "max_epochs=200", "wm_lr=0.1")


@pytest.mark.parametrize("left", ["nothing", "an empty file", "an empty folder"])
def test_a_folder_in_which_nothing_was_trained_is_free(tmp_path: Path, left: str) -> None:
    folder = tmp_path / "run"
    opened(folder, "env=dflex_ant", "num_envs=17")
    if left == "an empty file":
        (folder / "metrics.jsonl").touch()
    if left == "an empty folder":
        (folder / "checkpoints").mkdir()
    opened(folder, "env=cartpole", "max_epochs=7")
    assert RunFolder(folder).config().env.name == "cartpole"


def test_somebody_elses_config_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("title: my site\n")
    with pytest.raises(UserError, match=r"config\.yaml is damaged: .*choose another run=<folder>"):
        opened(tmp_path)
    assert (tmp_path / "config.yaml").read_text() == "title: my site\n"


def test_a_run_is_not_trained_around_or_in_another(tmp_path: Path) -> None:
    for name in "abcde":
        trained(tmp_path / name)
    with pytest.raises(UserError, match=r"holds the runs a, b, c and 2 more: name a folder in it"):
        opened(tmp_path)
    with pytest.raises(UserError, match=r"lies in the run folder .*a; choose another"):
        opened(tmp_path / "a" / "b")
    opened(tmp_path / "f")


@pytest.mark.parametrize("damage", ["{", "[]", '{"starts": 5}', "[" * 200_000, "\0"])
def test_a_damaged_record_of_starts_is_kept_aside(tmp_path: Path, damage: str) -> None:
    trained(tmp_path / "run")
    for number in ("", "1"):
        (tmp_path / "run" / "run.json").write_text(damage)
        folder = RunFolder(tmp_path / "run")
        folder.open(config())
        folder.close()
        assert (tmp_path / "run" / f"run.json.damaged{number}").read_text() == damage
        (warning,) = folder.warnings
        assert "run.json is damaged" in warning and f"kept as run.json.damaged{number}" in warning
        assert len(json.loads((tmp_path / "run" / "run.json").read_text())["starts"]) == 1


def test_metrics_that_are_no_file_are_named(tmp_path: Path) -> None:
    (tmp_path / "run" / "metrics.jsonl").mkdir(parents=True)
    with pytest.raises(UserError, match=r"metrics\.jsonl is no file; move it away"):
        opened(tmp_path / "run")


def test_a_look_whether_a_run_is_in_use_locks_nobody_out(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert not RunFolder(folder).in_use
    first = RunFolder(folder)
    first.open(config())
    assert RunFolder(folder).in_use and RunFolder(folder).in_use
    first.close()
    assert not RunFolder(folder).in_use
    with (folder / "lock").open() as looking:  # as who looks does, for a moment
        fcntl.flock(looking, fcntl.LOCK_SH | fcntl.LOCK_NB)
        threading.Timer(0.3, looking.close).start()
        opened(folder)


def test_provenance_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pwm.sif").write_bytes(b"an image")
    monkeypatch.setenv("PWM_IMAGE_SOURCE", "abc")
    monkeypatch.setenv("PWM_IMAGE_COMMIT", "1234567")
    monkeypatch.setenv("APPTAINER_CONTAINER", str(tmp_path / "pwm.sif"))
    opened(tmp_path / "run")
    content = json.loads((tmp_path / "run" / "run.json").read_text())
    assert content["config_hash"] == config_hash(config("run=elsewhere"))
    assert content["config_hash"] != config_hash(config("seed=1"))
    (start,) = content["starts"]
    assert (start["image"]["source"], start["image"]["commit"]) == ("abc", "1234567")
    assert start["image"]["sif_sha256"] == hashlib.sha256(b"an image").hexdigest()
    assert start["packages"]["torch"]
    assert start["hardware"]["cpu_cores"] >= 1
    assert {"time", "git", "python", "command"} <= start.keys()


def test_the_git_commit_and_whether_it_was_changed(tmp_path: Path) -> None:
    assert git_commit(tmp_path) is None
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], [*identity, "commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    found = git_commit(tmp_path)
    assert found is not None
    assert len(found["commit"]) == 40
    assert not found["dirty"]
    (tmp_path / "new.py").write_text("")
    found = git_commit(tmp_path)
    assert found is not None
    assert found["dirty"]


def test_two_processes_do_not_train_in_one_folder(tmp_path: Path) -> None:
    first = RunFolder(tmp_path / "run")
    first.open(config())
    with pytest.raises(UserError, match=f"process {os.getpid()} on .* is training in"):
        opened(tmp_path / "run")
    first.close()
    opened(tmp_path / "run")


def test_a_killed_process_leaves_no_lock(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pwm.config.compose import compose;"
        "from pwm.run.folder import RunFolder;"
        "RunFolder(sys.argv[1]).open(compose(['alg=st_baseline']));"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "run")], check=False)
    assert (tmp_path / "run" / "config.yaml").exists()
    opened(tmp_path / "run")


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(UserError, match=r"cannot use run folder .*run: File exists; choose another"):
        opened(tmp_path / "run")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot use run folder /proc/no: "):
        opened(Path("/proc/no"))


def test_a_damaged_configuration_is_named(tmp_path: Path) -> None:
    opened(tmp_path / "run")
    for text in ("horizon: [", "nonsense", "horizon: 8\n", "\0"):
        (tmp_path / "run" / "config.yaml").write_text(text)
        with pytest.raises(UserError, match=r"config\.yaml is damaged"):
            opened(tmp_path / "run")


def test_results_without_a_configuration_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text("{}\n")
    with pytest.raises(UserError, match=r"holds a run but no config\.yaml"):
        opened(tmp_path)


def test_reading_what_is_not_a_run_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a run folder"):
        RunFolder(tmp_path).config()
