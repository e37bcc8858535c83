"""A W&B server that accepts connections and does not answer: training goes on, and the copy is made later."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pwm.cli import main
from pwm.run import tracking, wandb_copy
from pwm.run.folder import RunFolder
from tests.report import synthetic
from tests.tracking.servers import Front, Server
from tests.tracking.tiny import cut, train


def test_a_server_that_never_answers_costs_one_warning(tmp_path: Path, server: Server, front: Front) -> None:
    front.hold()
    folder = tmp_path / "run"
    result = train(folder, "tracking=online", close=3.0)
    assert result.returncode == 0, result.stderr
    assert front.requests
    assert result.stdout.count("warning: not everything reached W&B") == 1
    assert [json.loads(line)["epoch"] for line in (folder / "metrics.jsonl").open()] == [1, 2, 3, 4]
    front.release()
    assert main(["suite", "sync", str(folder)]) == 0
    assert server.epochs(folder) == [1, 2, 3, 4]


def test_a_run_whose_creation_is_answered_too_late_is_not_made_twice(
    tmp_path: Path, server: Server, front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "CLOSE_SECONDS", 0.0)
    folder = synthetic.run(tmp_path, "st_flow_v2", epochs=6)
    front.hold("upsertBucket")
    tracker = tracking.start("online", RunFolder(folder), lambda _: None)
    front.wait_until_held()
    tracker.close()
    front.release()
    server.wait_for(folder)
    assert main(["suite", "sync", str(folder)]) == 0
    assert len(server.runs()) == 1
    assert server.epochs(folder) == list(range(1, 7))


def test_a_server_that_falls_silent_in_mid_run_costs_one_warning(
    tmp_path: Path,
    server: Server,
    front: Front,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(tracking, "CLOSE_SECONDS", 2.0)
    folder = synthetic.run(tmp_path, "st_flow_v2", epochs=6)
    lines = cut(folder, 3)
    said: list[str] = []
    tracker = tracking.start("online", RunFolder(folder), said.append)
    server.wait_for(folder)
    front.hold()
    (folder / "metrics.jsonl").write_text("".join(lines))
    tracker.check()
    tracker.close()
    assert len(said) == 1 and "`pwm suite sync` copies it" in said[0]

    with monkeypatch.context() as impatient:
        impatient.setenv("WANDB_HTTP_TIMEOUT", "2")  # seconds
        assert main(["suite", "sync", str(folder)]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("pwm")]
    assert line.startswith("pwm: error: W&B is out of reach")
    front.release()
    assert main(["suite", "sync", str(folder)]) == 0
    assert server.epochs(folder) == list(range(1, 7))


def test_a_server_that_falls_silent_under_sync_is_told_in_one_line(
    tmp_path: Path,
    server: Server,
    front: Front,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = synthetic.run(tmp_path, "mt_baseline", epochs=6)
    front.hold("file_stream")
    with monkeypatch.context() as impatient:
        impatient.setattr(wandb_copy, "FINISH_TIMEOUT", 2.0)
        assert main(["suite", "sync", "--all", str(folder)]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{folder}: not copied: ")
    front.release()
    assert main(["suite", "sync", str(folder)]) == 0
    assert server.epochs(folder) == list(range(1, 7))
