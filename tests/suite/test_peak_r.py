"""The peak-R table, as a user calls for it."""

import json
import os
from pathlib import Path

import pytest

from pwm.config.compose import compose, to_yaml
from pwm.errors import UserError
from pwm.suite import experiments
from pwm.suite.peak_r import run

SUITE = [
    "st_baseline", "st_flow_v1", "st_flow_v2", "st_flow_v3",
    "mt_baseline", "mt_flow_v1", "mt_flow_v2", "mt_flow_v3",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_log(path: Path, *returns: str, time: float | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"[{n}/20000]  R:{R}  T:9.0  S:{n}000  \n" for n, R in enumerate(returns, 1)))
    if time is not None:
        os.utime(path, (time, time))
    return path


def write_run(folder: Path, *returns: float | None, alg: str = "", time: float | None = None) -> Path:
    folder.mkdir(parents=True)
    rows = [
        {"epoch": n, "max_epochs": 15000, "R": R, "env_steps": 2048 * n, "forward_velocity": 0.5}
        for n, R in enumerate(returns, 1)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    if alg:
        (folder / "config.yaml").write_text(to_yaml(compose([f"alg={alg}", "size=tiny"])))
    if time is not None:
        os.utime(folder / "metrics.jsonl", (time, time))
    return folder


def rows_of(output: str) -> dict[str, list[str]]:
    return {line.split()[0]: line.split()[1:] for line in output.splitlines() if line}


def table(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, list[str]]:
    assert run([str(argument) for argument in arguments]) == 0
    return rows_of(capsys.readouterr().out)


def test_the_suite_is_the_eight() -> None:
    assert experiments.names() == SUITE


def test_peak_and_last_of_logs_and_run_folders(capsys: pytest.CaptureFixture[str]) -> None:
    write_log(Path("logs/train_48M_mt_flow_v2_2314143.out"), "-3.00", "1197.32", "nan", "1100.00")
    write_log(Path("logs/train_48M_mt_flow_v2_2314143.err"), "9999.00")
    write_run(Path("runs/st_baseline-s0"), None, 353.0, 120.0)
    write_run(Path("runs/demo/st_flow_v1-s0"), 9999.0)
    rows = table(capsys)
    log, folder = "logs/train_48M_mt_flow_v2_2314143.out", "runs/st_baseline-s0"
    assert rows["mt_flow_v2"] == ["1197.32", "2/20000", "2,000", "-", "1100.00", log]
    assert rows["st_baseline"] == ["353.00", "2/15000", "4,096", "0.50", "120.00", folder]
    missing = [name.rstrip(",") for name in rows["No"]][1:]
    assert missing == [name for name in SUITE if name not in ("mt_flow_v2", "st_baseline")]


def test_the_newest_source_counts(capsys: pytest.CaptureFixture[str]) -> None:
    write_log(Path("logs/train_48M_st_flow_v1_20.out"), "900.00", time=1_000)
    write_log(Path("logs/train_48M_st_flow_v1_9.out"), "100.00", time=2_000)
    write_log(Path("logs/train_48M_st_flow_v2_9.out"), "900.00", time=1_000)
    write_log(Path("logs/train_48M_st_flow_v2_20.out"), "100.00", time=1_000)
    write_log(Path("logs/train_48M_st_flow_v3_9.out"), "900.00", time=1_000)
    write_run(Path("runs/st_flow_v3-s1"), 100.0, time=2_000)
    rows = table(capsys)
    assert [rows[name][0] for name in SUITE[1:4]] == ["100.00"] * 3


def test_an_empty_newer_log_does_not_hide_results(capsys: pytest.CaptureFixture[str]) -> None:
    write_log(Path("logs/train_48M_st_flow_v1_1.out"), "900.00", time=1_000)
    write_log(Path("logs/train_48M_st_flow_v1_2.out"), time=2_000)
    assert run([]) == 0
    output = capsys.readouterr().out
    assert rows_of(output)["st_flow_v1"][0] == "900.00"
    assert "logs/train_48M_st_flow_v1_2.out (holds no R)" in output


def test_a_run_folder_is_named_by_its_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_run(Path("elsewhere/renamed"), 5.0, alg="mt_baseline_matched")
    for arguments in (["--runs", "elsewhere"], ["--runs", folder], ["--log", folder / "metrics.jsonl"]):
        rows = table(capsys, *arguments)
        assert rows["mt_baseline_matched"][-3:] == ["elsewhere/renamed", "(ant,", "tiny)"]


def test_only_what_is_named_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    write_log(Path("logs/train_48M_st_flow_v1_1.out"), "900.00")
    mine = write_log(Path("from_elsewhere/train_48M_st_flow_v2_1.out"), "5.00")
    other = write_log(Path("from_elsewhere/notes.txt"), "6.00")
    assert "st_flow_v1" not in table(capsys, "--logs", "from_elsewhere")
    rows = table(capsys, "--log", mine, other)
    assert "st_flow_v1" not in rows
    assert (rows["st_flow_v2"][0], rows["notes"][0]) == ("5.00", "6.00")


def test_nothing_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    assert capsys.readouterr().out == f"No log: {', '.join(SUITE)}\n"


@pytest.mark.parametrize("flag", ["--logs", "--runs", "--log"])
def test_a_missing_path_is_an_error(flag: str) -> None:
    with pytest.raises(UserError, match="'nowhere'"):
        run([flag, "nowhere"])


def test_a_wrong_flag_is_one_line() -> None:
    with pytest.raises(UserError, match="--log-files"):
        run(["--log-files", "x"])


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A run folder that holds another, a folder of a run and of a log, and metrics that were copied away."""
    folder = write_run(tmp_path / "all", 5.0, alg="st_flow_v1")
    write_run(folder / "mt_baseline-s0", 7.0, alg="mt_baseline")
    write_run(tmp_path / "both" / "st_baseline-s0", 2.0, alg="st_baseline")
    write_log(tmp_path / "both" / "train_48M_mt_flow_v2_2314143.out", "9.00")
    write_log(tmp_path / "elsewhere" / "mine.log", "3.00")
    (tmp_path / "copied.jsonl").write_text((folder / "metrics.jsonl").read_text())
    return folder


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        (["all"], {"st_flow_v1", "mt_baseline"}),
        (["all/"], {"st_flow_v1", "mt_baseline"}),
        (["both"], {"st_baseline", "mt_flow_v2"}),
        (["both", "all"], {"st_baseline", "mt_flow_v2", "st_flow_v1", "mt_baseline"}),
        (["all/mt_baseline-s0"], {"mt_baseline"}),
        (["all/mt_baseline-s0/metrics.jsonl"], {"mt_baseline"}),
        (["all/metrics.jsonl", "all/mt_baseline-s0/"], {"st_flow_v1", "mt_baseline"}),
        (["./all/../all/mt_baseline-s0", "all/mt_baseline-s0/metrics.jsonl"], {"mt_baseline"}),
        (["both/train_48M_mt_flow_v2_2314143.out"], {"mt_flow_v2"}),
        (["copied.jsonl"], {"copied"}),
        (["elsewhere"], {"mine"}),
        (["elsewhere/mine.log"], {"mine"}),
    ],
)
def test_a_path_is_what_a_user_means_by_it(
    mixed: Path, capsys: pytest.CaptureFixture[str], paths: list[str], found: set[str]
) -> None:
    rows = table(capsys, *paths)
    assert {name for name in rows if name not in ("experiment", "No", "Passed")} == found


def test_a_log_in_a_run_folder_is_the_run(mixed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_log(mixed / "mt_baseline-s0" / "train.log", "100.00")
    assert table(capsys, mixed / "mt_baseline-s0" / "train.log")["mt_baseline"][0] == "7.00"


@pytest.mark.parametrize(
    ("path", "said"), [("nowhere", "no file or folder 'nowhere'"), ("empty", "holds neither")]
)
def test_a_path_that_leads_nowhere_is_named(tmp_path: Path, path: str, said: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=said):
        run([path])


def test_a_run_of_several_tasks_tells_each_ones_return(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"epoch": 1, "max_epochs": 2, "R": 0.5, "R_hopper": 900.25, "R_ant": 1200.0},
        {"epoch": 2, "max_epochs": 2, "R": 0.4, "R_hopper": 700.0, "R_ant": 1100.0},
    ]
    (tmp_path / "mt_baseline-s0").mkdir()
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "mt_baseline-s0" / "metrics.jsonl").write_text(text)
    assert run([str(tmp_path)]) == 0
    assert "mt_baseline, R of each task there: hopper 900.25, ant 1200.00" in capsys.readouterr().out
