"""Metrics: one line, one JSON object, and no epoch missing or twice after a resume."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from pwm.errors import UserError
from pwm.run.folder import RunFolder
from pwm.run.metrics import MetricsWriter, format_line, read_metrics

ROW = {
    "epoch": 120,
    "max_epochs": 20000,
    "R": 1197.321,
    "episode_length": 512.3,
    "horizon": 16,
    "env_steps": 245760,
    "fps": 2310.4,
    "pi_loss": -1.2,
    "v_loss": 0.31,
    "wm_loss": 0.08,
    "rew_loss": 0.02,
    "dyn_loss": 0.01,
}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def row(epoch: int, **values: Any) -> dict[str, Any]:
    return {**ROW, "epoch": epoch, "max_epochs": 9, **values}


def written(path: Path, epoch: int, rows: list[dict[str, Any]]) -> str:
    stream = io.StringIO()
    with MetricsWriter(RunFolder(path), epoch, stream) as writer:
        for item in rows:
            writer.write(item)
    return stream.getvalue()


def test_the_line_has_the_fields_usual_form() -> None:
    assert format_line(ROW) == (
        "[120/20000]  R:1197.32  T:512.3  H:16.0  S:245760  FPS:2310  "
        "pi_loss:-1.20  v_loss:0.31  wm_loss:0.08  rew_loss:0.02  dyn_loss:0.01"
    )


def test_what_is_not_known_yet_is_nan() -> None:
    line = format_line({"epoch": 1, "max_epochs": 2, "R": None, "T": 1, "pi_loss": float("nan")})
    assert line.startswith("[1/2]  R:nan  T:nan  H:nan  S:nan  FPS:nan  pi_loss:nan  v_loss:nan")


def test_rows_go_to_the_file_the_log_and_the_stream(tmp_path: Path) -> None:
    shown = written(tmp_path, 0, [row(1), row(2, R=float("nan"), returns={"ant": float("inf")})])
    first, second = (json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines())
    assert first == row(1)
    assert second["R"] is None
    assert second["returns"] == {"ant": None}
    assert (
        shown
        == (tmp_path / "train.log").read_text()
        == f"{format_line(row(1))}\n" + shown.split("\n")[1] + "\n"
    )


def test_a_row_is_on_disk_when_write_returns(tmp_path: Path) -> None:
    writer = MetricsWriter(RunFolder(tmp_path), 0, io.StringIO())
    writer.write(row(1))
    assert read_metrics(tmp_path / "metrics.jsonl") == [row(1)]
    writer.close()


def test_resuming_leaves_no_gap_and_no_epoch_twice(tmp_path: Path) -> None:
    written(tmp_path, 0, [row(1), row(2), row(3), row(4)])
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"epoch": 5, "max_ep')
    written(tmp_path, 2, [row(3, R=0.0), row(4)])
    rows = read_metrics(tmp_path / "metrics.jsonl")
    assert [item["epoch"] for item in rows] == [1, 2, 3, 4]
    assert rows[2]["R"] == 0.0


def test_a_new_run_starts_from_nothing(tmp_path: Path) -> None:
    assert read_metrics(tmp_path / "metrics.jsonl") == []
    written(tmp_path, 0, [row(1)])
    written(tmp_path, 0, [row(1), row(2)])
    assert [item["epoch"] for item in read_metrics(tmp_path / "metrics.jsonl")] == [1, 2]


def test_damaged_lines_are_dropped(tmp_path: Path) -> None:
    good = json.dumps(row(1)).encode()
    (tmp_path / "metrics.jsonl").write_bytes(b'\xff\x00\n[1]\n{"R": 1}\n3\n' + good + b"\n")
    written(tmp_path, 1, [row(2)])
    assert read_metrics(tmp_path / "metrics.jsonl") == [row(1), row(2)]


def test_messages_are_shown_and_kept(tmp_path: Path) -> None:
    stream = io.StringIO()
    with MetricsWriter(RunFolder(tmp_path), 0, stream) as writer:
        writer.message("resumed from epoch 3")
    assert stream.getvalue() == (tmp_path / "train.log").read_text() == "resumed from epoch 3\n"


def test_a_terminal_gets_a_bar_and_the_log_its_lines(tmp_path: Path) -> None:
    stream = Terminal()
    with MetricsWriter(RunFolder(tmp_path), 0, stream) as writer:
        writer.write(row(1))
        writer.message("checkpoint saved")
        writer.write(row(9))
    shown = stream.getvalue()
    assert "9/9  R:1197.32" in shown
    assert "checkpoint saved\n" in shown
    assert shown.count("\n") == 2
    assert len((tmp_path / "train.log").read_text().splitlines()) == 3


def test_a_disk_that_refuses_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "train.log").symlink_to("/dev/full")
    writer = MetricsWriter(RunFolder(tmp_path), 0, io.StringIO())
    with pytest.raises(UserError, match=r"cannot write .*train\.log: No space left on device"):
        writer.write(row(1))
    writer.close()
