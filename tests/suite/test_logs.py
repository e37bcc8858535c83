"""Logs in whatever condition they are found."""

import math
from pathlib import Path

import pytest

from pwm.suite.logs import LOG_NAME, LONGEST_LINE, Point, log_source, peak, read_log, read_metrics

LINE = "[{epoch}/20000]  R:{R}  T:512.3  H:16.0  S:{steps}  FPS:2310  pi_loss:-1.20  wm_loss:0.08\n"


def line(epoch: int, R: str) -> str:
    return LINE.format(epoch=epoch, R=R, steps=2048 * epoch)


def returns(folder: Path, content: bytes | str) -> list[float]:
    path = folder / "train_48M_st_baseline_1.out"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [point.R for point in read_log(path)]


def test_a_line_of_the_suite_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "any.out"
    path.write_text("[120/20000]  R:1197.32  T:512.3  H:16.0  S:245760  FPS:2310  pi_loss:-1.20\n")
    (point,) = read_log(path)
    assert (point.R, point.epoch, point.epochs, point.env_steps) == (1197.32, 120, 20000, 245760)
    assert math.isnan(point.forward_velocity)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", []),
        (b"\x00\xff\xfe" * 1000, []),
        (b"\x89PNG\x00R:\x00 R: R:x " + line(1, "2.00").encode() + b"\xff", [2.0]),
        (b"x" * (3 * LONGEST_LINE) + b"\n" + line(1, "2.00").encode(), [2.0]),
        (line(1, "-5.25") + line(2, "-7.00"), [-5.25, -7.0]),
        (line(1, "1e3") + line(2, "12"), [1000.0, 12.0]),
        ("ERROR:12 \n/dir:3 err_R:4 \nR:\nR: 5\nR:--6 \nR:7.0.0 \n", []),
        (line(1, "1.00").replace("\n", "\r") + line(2, "2.00").replace("\n", "\r\n"), [1.0, 2.0]),
        ("\x1b[32m" + line(1, "1.00").replace("R:1.00", "\x1b[1mR:1.00\x1b[0m"), [1.0]),
    ],
    ids=["empty", "binary", "in binary", "no line end", "negative", "forms", "look-alikes", "CR", "colour"],
)
def test_content(tmp_path: Path, content: bytes | str, expected: list[float]) -> None:
    assert returns(tmp_path, content) == expected


@pytest.mark.parametrize("kept", range(1, len(line(2, "-1197.32"))))
def test_a_cut_off_line_never_gives_a_wrong_number(tmp_path: Path, kept: int) -> None:
    found = returns(tmp_path, line(1, "-2000.00") + line(2, "-1197.32")[:kept])
    assert found in ([-2000.0], [-2000.0, -1197.32])


def test_a_line_cut_off_by_another_process_is_passed_over(tmp_path: Path) -> None:
    whole, cut = line(7, "300.00"), line(8, "912.34")
    for end in range(len(cut)):
        found = returns(tmp_path, cut[:end] + whole)
        assert found in ([300.0], [912.34, 300.0])


def test_interleaved_lines_keep_their_own_epochs(tmp_path: Path) -> None:
    path = tmp_path / "any.out"
    path.write_text(line(7, "300.00").rstrip() + line(8, "912.34"))
    assert [(point.R, point.epoch, point.env_steps) for point in read_log(path)] == [
        (300.0, 7, 7 * 2048),
        (912.34, 8, 8 * 2048),
    ]


def test_nan_is_a_return_but_never_a_peak(tmp_path: Path) -> None:
    path = tmp_path / "any.out"
    path.write_text(line(1, "nan") + line(2, "5.00") + line(3, "inf") + line(4, "nan"))
    points = list(read_log(path))
    best = peak(points)
    assert best is not None and best.epoch == 2
    assert math.isnan(points[-1].R)
    assert peak([Point(math.nan), Point(-math.inf)]) is None
    assert peak([]) is None


def test_the_first_of_equal_peaks_counts() -> None:
    best = peak([Point(1.0, epoch=1), Point(9.0, epoch=2), Point(9.0, epoch=3)])
    assert best is not None and best.epoch == 2


def test_metrics_with_damaged_rows(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(
        '{"epoch": 1, "max_epochs": 9, "R": null, "env_steps": 64, "forward_velocity": null}\n'
        "\n[1]\nnull\n"
        '{"epoch": 2, "max_epochs": 9, "R": -3.5, "env_steps": 128, "forward_velocity": 0.25}\n'
        '{"epoch": 3, "R": "high", "env_steps": [1]}\n'
        '{"evaluation": 12}\n'
        '{"epoch": 4, "max_ep'
    )
    first, second, third = read_metrics(path)
    assert math.isnan(first.R) and math.isnan(third.R) and third.env_steps is None
    assert second == Point(-3.5, epoch=2, epochs=9, env_steps=128, forward_velocity=0.25)


@pytest.mark.parametrize(
    ("name", "experiment"),
    [
        ("train_48M_mt_flow_v2_2314143.out", "mt_flow_v2"),
        ("train_48M_mt_baseline_matched_7.out", "mt_baseline_matched"),
        ("train_317M_st_baseline_12_3.out", "st_baseline"),
    ],
)
def test_log_names(tmp_path: Path, name: str, experiment: str) -> None:
    assert LOG_NAME.fullmatch(name)
    (tmp_path / name).touch()
    assert log_source(tmp_path / name).experiment == experiment
