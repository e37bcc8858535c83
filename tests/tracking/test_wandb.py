"""W&B as a copy: offline, online, resumed, refused, dead and dying; always with the real client."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import wandb

from pwm.cli import main
from pwm.config.compose import compose
from pwm.run import tracking
from pwm.run.folder import RunFolder
from pwm.run.wandb_copy import IN_A_CELL, State, copy
from pwm.suite.slurm import cluster_config, jobs
from tests.report import synthetic
from tests.tracking.servers import KEY, Server
from tests.tracking.tiny import cut, train


def offline(folder: Path) -> str:
    """What W&B keeps offline of the run in ``folder``, as text."""
    (fragment,) = (folder / "wandb").glob("offline-run-*")
    (file,) = fragment.glob("*.wandb")
    result = subprocess.run(
        [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(file)],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_an_offline_run_holds_the_metrics_under_its_group(tmp_path: Path) -> None:
    folder = synthetic.run(tmp_path, "mt_flow_v2", seed=3, epochs=5)
    assert copy(RunFolder(folder), "offline") == 5
    kept = offline(folder)
    for expected in (
        "multi-task",
        "mt_flow_v2",
        "mt_flow_v2-s3",
        "48M",
        "heun",
        "substeps-4",
        "0123456789abcdef",
    ):
        assert expected in kept
    assert KEY not in kept


def test_online_a_restarted_run_goes_on_under_its_id(tmp_path: Path, server: Server) -> None:
    folder = synthetic.run(tmp_path, "st_flow_v1", epochs=8)
    lines = cut(folder, 3)
    copy(RunFolder(folder), "online")
    name = State(RunFolder(folder)).id
    (folder / "metrics.jsonl").write_text("".join(lines))
    copy(RunFolder(folder), "online")
    assert State(RunFolder(folder)).id == name
    assert server.epochs(folder) == list(range(1, 9))
    run = server.run(folder)
    assert run["display_name"] == "st_flow_v1-s0"
    assert set(json.loads(run["tags_json"])) == {"48M", "ant", "heun", "substeps-2"}
    assert json.loads(run["config_json"])["wm_batch_size"] == {"value": 1024}
    assert json.loads(run["summary_json"])["R"] == pytest.approx(json.loads(lines[-1])["R"])


def test_a_sweep_gives_a_run_its_id_for_good(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = synthetic.run(tmp_path, "st_flow_v1", epochs=6)
    lines = cut(folder, 3)
    copy(RunFolder(folder), "online")
    wandb.teardown()
    (tmp_path / "cell.yaml").write_text("alg: {value: st_flow_v1}\n")
    with monkeypatch.context() as inside:
        inside.setenv("WANDB_SWEEP_ID", "sweep-1")
        inside.setenv("WANDB_RUN_ID", "cell-1")
        inside.setenv("WANDB_SWEEP_PARAM_PATH", str(tmp_path / "cell.yaml"))
        copy(RunFolder(folder), "online")
        wandb.teardown()
    assert State(RunFolder(folder)).id == "cell-1"
    assert server.epochs(folder) == [1, 2, 3]
    (folder / "metrics.jsonl").write_text("".join(lines))
    copy(RunFolder(folder), "online")
    assert State(RunFolder(folder)).id == "cell-1"
    assert server.epochs(folder) == list(range(1, 7))
    assert json.loads(server.run(folder)["config_json"])["alg"] == {"value": "st_flow_v1"}


@pytest.mark.parametrize("left", [("WANDB_SWEEP_ID", "WANDB_RUN_ID"), IN_A_CELL])
def test_what_a_sweep_left_in_the_shell_names_no_two_runs(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, left: tuple[str, ...]
) -> None:
    (tmp_path / "left").write_text("alg: {value: st_flow_v1}\n")
    folders = [synthetic.run(tmp_path / "runs", "st_flow_v1", seed, epochs=3) for seed in range(3)]
    for folder in folders:
        with monkeypatch.context() as inside:
            for name in left:
                inside.setenv(name, str(tmp_path / "left") if "PATH" in name else "left")
            copy(RunFolder(folder), "online")
        wandb.teardown()
    assert len({State(RunFolder(folder)).id for folder in folders}) == 3
    assert all(server.epochs(folder) == [1, 2, 3] for folder in folders)


def test_a_mode_that_keeps_wandb_away_is_named(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy(RunFolder(synthetic.run(tmp_path, "mt_baseline", epochs=6)), "offline")
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert main(["suite", "sync", str(tmp_path)]) == 2
    assert "WANDB_MODE=offline keeps W&B out of reach; `unset WANDB_MODE`" in capsys.readouterr().err


def test_sync_copies_what_an_offline_run_left_and_then_nothing(
    tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = synthetic.run(tmp_path, "mt_baseline", epochs=6)
    untracked = synthetic.run(tmp_path, "st_baseline", epochs=6)
    copy(RunFolder(folder), "offline")
    assert main(["suite", "sync", str(tmp_path)]) == 0
    assert server.epochs(folder) == list(range(1, 7))
    said = capsys.readouterr().out
    assert f"{folder}: copied up to epoch 6" in said and f"{untracked}: not tracked" in said
    assert main(["suite", "sync", str(tmp_path)]) == 0
    assert f"{folder}: nothing new" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "group"), [("st_flow_v1", "single-task"), ("mt_flow_v1", "multi-task")])
def test_what_a_clusters_job_trains_is_copied_to_its_group_without_a_sweep(
    tmp_path: Path, server: Server, name: str, group: str
) -> None:
    """By the command of its batch script, but for the size; with neither key nor network while it trains."""
    cluster = cluster_config.load()
    script = jobs.render(compose([f"alg={name}"]), cluster)
    line = next(line for line in script.splitlines() if '"$image" train ' in line)
    words = [word for word in shlex.split(line) if word.partition("=")[0] in ("alg", "tracking")]
    assert words == [f"alg={name}", "tracking=offline"]
    folder = tmp_path / f"{name}-s0"
    result = train(folder, *words)
    assert result.returncode == 0 and "warning" not in result.stdout, result.stdout + result.stderr
    assert f'"{group}"' in offline(folder)
    assert main(["suite", "sync", str(tmp_path)]) == 0
    assert server.epochs(folder) == [1, 2, 3, 4]


def test_training_copies_its_rows_as_it_goes(tmp_path: Path, server: Server) -> None:
    folder = tmp_path / "run"
    result = train(folder, "tracking=online")
    assert result.returncode == 0 and "warning" not in result.stdout, result.stdout + result.stderr
    assert server.epochs(folder) == [1, 2, 3, 4]
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert not any(KEY.encode() in path.read_bytes() for path in files)


@pytest.mark.parametrize("trouble", ["nobody listens", "no key"])
def test_without_a_server_or_a_key_training_goes_on_with_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    if trouble == "nobody listens":
        monkeypatch.setenv("WANDB_API_KEY", KEY)
    folder = tmp_path / "run"
    result = train(folder, "tracking=online", close=3.0)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("warning: not everything reached W&B") == 1
    assert [json.loads(line)["epoch"] for line in (folder / "metrics.jsonl").open()] == [1, 2, 3, 4]


def test_a_server_that_dies_in_mid_run_costs_one_warning_and_sync_makes_up_for_it(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "CLOSE_SECONDS", 5.0)
    folder = synthetic.run(tmp_path, "st_flow_v2", epochs=6)
    lines = cut(folder, 3)
    said: list[str] = []
    tracker = tracking.start("online", RunFolder(folder), said.append)
    server.wait_for(folder)
    server.stop()
    (folder / "metrics.jsonl").write_text("".join(lines))
    tracker.check()
    tracker.close()
    assert len(said) == 1 and "metrics.jsonl is whole" in said[0]
    server.start()
    assert main(["suite", "sync", str(folder)]) == 0
    assert server.epochs(folder) == list(range(1, 7))


def test_a_copying_process_that_is_killed_costs_one_warning(tmp_path: Path) -> None:
    folder = synthetic.run(tmp_path, "st_flow_v2", epochs=3)
    said: list[str] = []
    tracker = tracking.WandbTracker(RunFolder(folder), "offline", said.append)
    assert tracker._process is not None
    os.killpg(tracker._process.pid, signal.SIGKILL)
    tracker._process.wait()
    tracker.check()
    tracker.check()
    tracker.close()
    assert len(said) == 1


def test_disabled_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert train(folder).returncode == 0
    assert not list(folder.glob("wandb*"))
